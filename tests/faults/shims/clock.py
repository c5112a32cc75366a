"""A wall clock that is off by the seconds in the file CLOCK_OFF, as they stand there at each look; the clock that only
measures goes on."""

import os
import time
from pathlib import Path

real_time, real_localtime, real_strftime = time.time, time.localtime, time.strftime


def now():
    return real_time() + float(Path(os.environ["CLOCK_OFF"]).read_text() or 0)


time.time = now
time.localtime = lambda at=None: real_localtime(now() if at is None else at)
time.strftime = lambda form, at=None: real_strftime(form, time.localtime() if at is None else at)
