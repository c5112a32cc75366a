"""A machine with a GPU that has none: a library in place of NVML, a folder in place of /, a torch of files only."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SONAME = "libnvidia-ml.so.1"


def compiler() -> str | None:
    return next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)


def build(folder: Path, *flags: str) -> Path:
    """Compile the stand-in into `folder`; the folder is what LD_LIBRARY_PATH must hold when a program starts."""
    folder.mkdir(parents=True, exist_ok=True)
    exe = compiler()
    assert exe is not None
    warnings = ["-Wall", "-Wextra", "-Werror"]
    output = ["-pthread", "-o", str(folder / SONAME), str(HERE / "stand_in.c")]
    command = [exe, "-shared", "-fPIC", "-O1", *warnings, f"-Wl,-soname,{SONAME}", *flags, *output]
    subprocess.run(command, check=True)
    return folder


def scenario(name: str) -> Path:
    path = HERE / "scenarios" / f"{name}.txt"
    assert path.is_file(), path
    return path


def environment(library: Path | None, script: Path | None) -> dict[str, str]:
    """The variables a program sees this machine by."""
    found = {key: value for key, value in os.environ.items() if not key.startswith(("CUDA_", "NVML_"))}
    if library is not None:
        found["LD_LIBRARY_PATH"] = str(library)
    if script is not None:
        found["NVML_SCENARIO"] = str(script)
    return found


def make_root(
    folder: Path,
    *,
    bus: bool = True,
    module: str = "",
    container: bool = False,
    wsl: bool = False,
    distribution: str = "ubuntu",
) -> Path:
    """A file system as a machine with an NVIDIA card shows it."""
    devices = folder / "sys/bus/pci/devices"
    # The card's sound function and a network card of the same maker: neither computes.
    rows = [("0000:00:02.0", "0x8086", "0x030000"), ("0000:01:00.1", "0x10de", "0x040300")]
    if bus:
        rows.append(("0000:01:00.0", "0x10de", "0x030200"))
    for address, vendor, kind in rows:
        write(devices / address / "vendor", vendor + "\n")
        write(devices / address / "class", kind + "\n")
    write(folder / "proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n" if wsl else "6.8.0-45-generic\n")
    write(folder / "etc/os-release", f'NAME="A system"\nID={distribution}\n')
    if module:
        write(folder / "sys/module/nvidia/version", module + "\n")
    if container:
        write(folder / ".dockerenv", "")
    return folder


def make_torch(folder: Path, version: str, cuda: str | None, *, code: str = "", hip: str | None = None) -> Path:
    """A package `torch` that has the files a wheel has, and does what `code` says when it is imported."""
    write(folder / "torch/__init__.py", code)
    lines = ["from typing import Optional", f"__version__ = {version!r}", "debug = False"]
    lines += [f"cuda: Optional[str] = {cuda!r}", f"hip: Optional[str] = {hip!r}"]
    write(folder / "torch/version.py", "\n".join(lines) + "\n")
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def python(*arguments: str, environment: dict[str, str], path: tuple[Path, ...] = ()) -> str:
    """What a new Python that sees this machine prints; it must end well."""
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(
        command, env=environment | _search(path), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask_checks(*arguments: str, environment: dict[str, str], path: tuple[Path, ...]) -> str:
    """As `python` with the module of this name, of whose imports the first call pays for all."""
    process = _asking()
    assert process.stdin is not None
    assert process.stdout is not None
    request = {"environment": environment | _search(path), "path": [str(each) for each in path], "arguments": arguments}
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    said = process.stdout.readline()
    assert said.startswith("["), said
    assert process.stdout.readline() == "0\n"
    return said


@functools.cache
def _asking() -> subprocess.Popen[str]:
    """It ends when this process does, and its standard input with it."""
    command = [sys.executable, "-P", "-m", "tests.fakes.nvml.ask_checks"]
    environment = os.environ | _search(())
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _search(path: tuple[Path, ...]) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(map(str, (*path, HERE.parents[2])))}
