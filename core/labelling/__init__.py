"""Where first transcripts come from: what is said about recordings, dealt to their segments.

sources     timed text that a recording's segments can have their text from
captions    captions of recordings, imported, stored or beside them, as such sources
dealing     what each segment gets, and how far it is to be trusted
recordings  a labeller hears recordings window by window into the store
clips       a labeller hears segments one by one
first       first transcripts: captions, what was heard before, what is heard now
second      a second labeller's readings
forecast    what either would have to do, and how long that takes
processes   recordings are shared out to further processes for further GPUs; `worker` is what each of them runs
"""
