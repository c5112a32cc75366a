"""Where first transcripts come from: what is said about recordings, dealt to their segments.

sources     timed text that a recording's segments can have their text from
captions    captions of recordings, stored or beside them, as such a source
recordings  a labeller hears recordings window by window
clips       a labeller writes segment by segment
second      a second labeller's readings
dealing     what each segment gets, and how far it is to be trusted
"""
