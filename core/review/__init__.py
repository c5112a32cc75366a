"""How good a text is, and what a person should see first: pure functions, nothing is read here.

suspicion  expected edits of a text, from all that is known of it      flags, sound_flags  what is told of it in words
differences  where two readings of the same sound differ               correction_time  how long a person takes
chinese_script, invented_phrases  what texts tell by themselves
"""
