"""What training costs and what it brings: `python -m benchmarks.training` from the checkout.

    python -m benchmarks.training [--only PART …] [--model DIR] [--speech DIR] [--segments 24] [--batch 2]
                                  [--accumulation 2] [--runs 3] [--anew] [--work DIR] [--json]

speed     how long a second of speech takes to learn from, against Hugging Face's audio course and single segments
start     time and disk before the first step, against the course's feature pass
memory    the most that a process holds, against the course's
estimate  the plan's memory against what torch counted: measured where there is a GPU, else as an H200 told
windows   the default windows against single ones in equal time: the table of `benchmarks.window_trials`
ladder    CER of speech held out: base, each method, and weights between, by clips and by whole recordings
round     one round with sixty accepted rows: how long, and the CER of the rows that nobody has touched

course.py   that recipe as published
rows.py     segments made up, and the model: a real Whisper (or $WHISPERSMITH_WHISPER), else whisper-tiny's shape
hearing.py  what a model hears of rows that it has not learnt from
real.py     a workspace with real speech (or $WHISPERSMITH_SPEECH) and a real Whisper, which the last two parts need

Medians of runs that take turns, on the processor in fp32. The ladder and the round take an hour and a quarter of one on
two cores: they are measured with --anew, and kept in measured.json; without it that is what is printed. Exit 1 if a
bound does not hold.
"""
