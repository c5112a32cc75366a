"""Transcripts and data sets as other programs keep them.

formats/       one file a format, and their table
rows.py        name-and-text tables, whatever they are written in
captions.py    what SRT and WebVTT have in common
clips.py       a data set on its way out
matching.py    which segment a name means
clip_import.py audio that comes with its transcripts
card.py        a data set's README
encodings.py   which encoding a text is in
"""
