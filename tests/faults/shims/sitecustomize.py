"""Runs the shims that are named in SHIMS, in every Python process that has this folder on its PYTHONPATH."""

import os
import runpy

for path in filter(None, os.environ.get("SHIMS", "").split(os.pathsep)):
    runpy.run_path(path)
