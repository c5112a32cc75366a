"""Which windows should a Whisper be tuned on? Trials of many mixes on one recording, for a machine with a GPU.

    python -m benchmarks.window_trials prepare --model DIR --speech DIR --bundle DIR      where ffmpeg is
    python -m benchmarks.window_trials run --bundle DIR --out DIR [--seconds 420] [--workers 12] [--mini]
    python -m benchmarks.window_trials score --speech DIR --out DIR [--json FILE]

bundle.py   what a run needs, so that the other machine needs nothing but torch and transformers
split.py    four parts of the recording, each held out once; the last one is the test that nothing is chosen by
trials.py   the trials, the most telling first
train.py    one trial: windows, features and loss as in training, on data that stay on the GPU
hear.py     what a model hears: clips greedily, whole recordings greedily and with a beam, from four places
measure.py  rows a second of each kind, and the memory that a step takes
run.py      processes that share the GPU, and the file of results
score.py    the table; h200.json: what it came to on an H200, 480 windows a trial

A run's texts are scored where OpenCC is; on the other machine they are only written down.
"""
