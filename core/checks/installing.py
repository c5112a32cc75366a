"""How a package gets into the very environment this program runs in."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from pathlib import Path


def pip_install() -> str:
    """`pip install`, or what must stand there for it to reach this Python: where another environment's pip comes first
    on PATH, the plain command would install beside it and change nothing here."""
    found = shutil.which("pip")
    if found and Path(found).absolute().parent == Path(sys.executable).absolute().parent:
        return "pip install"
    python = shlex.quote(sys.executable)
    if importlib.util.find_spec("pip") is None and shutil.which("uv"):
        return f"uv pip install --python {python}"
    return f"{python} -m pip install"
