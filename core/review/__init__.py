"""How good a text is, what a person should see first, and what is done to texts: pure functions, nothing is read here.

suspicion  expected edits of a text, from all that is known of it      flags, sound_flags  what is told of it in words
differences  where two readings of the same sound differ               correction_time  how long a person takes
variants  other readings that an editor offers                         word_moving  a word across the cut
fix_everywhere  a mistake that was corrected, in other texts           text_form  many texts as a file, and back
script_conversion, punctuation  a text written otherwise               chinese_script, invented_phrases  what texts tell
"""
