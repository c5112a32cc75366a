"""The setup checks, in dependency order: what was found, what is wrong, and the one command that mends it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from core.config import Config
from core.errors import UserError
from core.gpu import Driver, Gpu
from core.workspace import Workspace

OK, WARN, FAIL, SKIPPED = "ok", "warn", "fail", "skipped"
TIMEOUT_S = 60
FREE_BYTES = 5_000_000_000
STALE_DAYS = 90
"""yt-dlp itself warns when it is older than this."""


@dataclass(frozen=True)
class Check:
    id: str
    title: str
    verdict: str
    found: str
    why: str = ""
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Context:
    """What the checks are made for. Without a workspace the folder checks look at the current one."""

    workspace: Workspace | None
    config: Config


@dataclass(frozen=True)
class CheckSpec:
    id: str
    title: str
    function: Callable[[Context], tuple[str, str, str, str]]
    """Returns verdict, found, why, fix."""


def run_check(id: str, context: Context) -> Check:
    """Run one check. It never raises for what it finds; a UserError becomes a failed check."""
    spec = next(spec for spec in CHECKS if spec.id == id)
    try:
        verdict, found, why, fix = spec.function(context)
    except UserError as error:
        verdict, found, why, fix = FAIL, error.what, error.why, error.fix
    return Check(spec.id, spec.title, verdict, found, why, fix)


def run_all(context: Context) -> Iterator[Check]:
    for spec in CHECKS:
        yield run_check(spec.id, context)


def check_python(_: Context) -> tuple[str, str, str, str]:
    return OK, f"{platform.python_version()}, {sys.prefix}", "", ""


def check_ffmpeg(_: Context) -> tuple[str, str, str, str]:
    from core.media import find_ffmpeg

    ffmpeg = find_ffmpeg()
    return OK, f"{ffmpeg.version}, {ffmpeg.origin}, {ffmpeg.path}", "", ""


def check_gpu(_: Context) -> tuple[str, str, str, str]:
    from core import gpu

    driver = gpu.driver()
    if driver.missing:
        return (
            WARN,
            "no NVIDIA driver (NVML is not on this machine)",
            "without a GPU everything works, but slowly",
            "on a machine with an NVIDIA GPU: install its driver, then reboot",
        )
    if driver.error:
        return FAIL, "the NVIDIA driver does not answer", driver.error, "sudo modprobe nvidia || sudo reboot"
    gpus = gpu.read_gpus()
    if not gpus:
        return (
            WARN,
            f"driver {driver.version}, no GPU",
            "the driver sees no device",
            "in a container: start it with --gpus all",
        )
    names = [
        f"{card.name} {_capability(card.capability)} {_memory(card.memory_free, card.memory_total)}" for card in gpus
    ]
    speaks = f", CUDA {driver.cuda[0]}.{driver.cuda[1]}" if driver.cuda else ""
    return OK, f"{'; '.join(names)}, driver {driver.version}{speaks}", "", ""


def _capability(capability: tuple[int, int] | None) -> str:
    return f"({capability[0]}.{capability[1]})" if capability else ""


def _memory(free: int | None, total: int | None) -> str:
    return f"{free / 2**30:.1f} of {total / 2**30:.1f} GB free" if free is not None and total is not None else ""


def check_torch(_: Context) -> tuple[str, str, str, str]:
    """Asked in a child process with a time-out: importing torch takes seconds, and a sick driver can hang it."""
    from core import gpu

    code = (
        "import torch\n"
        "ok = torch.cuda.is_available()\n"
        "total = (torch.ones(2, device='cuda') + 1).sum().item() if ok else 0\n"
        "print(torch.__version__, torch.version.cuda or '-', ok, total, sep='|')\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return FAIL, f"no answer in {TIMEOUT_S} s", "importing torch or asking the GPU hangs", "sudo reboot"
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return FAIL, "torch does not work", last, f'{sys.executable} -m pip install --force-reinstall "torch>=2.6"'
    version, cuda, usable, _total = done.stdout.strip().splitlines()[-1].split("|")
    if usable == "True":
        return OK, f"{version}, CUDA {cuda}, computes on the GPU", "", ""
    if gpu.driver().gpus:
        reason = "this build has no CUDA" if cuda == "-" else f"its CUDA {cuda} does not run with this driver"
        return FAIL, f"{version} does not use the GPU", reason, torch_command(gpu.driver(), gpu.read_gpus())
    return WARN, f"{version}, on the CPU", "no GPU can be used: training a small Whisper takes hours, not minutes", ""


def torch_command(driver: Driver, cards: list[Gpu]) -> str:
    """The line that installs a torch build for this driver and the newest card.

    A wheel runs where the driver's CUDA major is at least the wheel's, and where it has code for the card:
    cu126 builds (the last is 2.14.1) reach from Maxwell to Hopper, cu128 builds (the last is 2.11) Blackwell.
    The local version in the name makes pip replace a build of the same number.
    """
    newest = max((card.capability for card in cards if card.capability), default=(0, 0))
    build, version = "cu126", "2.14.1"
    if driver.cuda and driver.cuda[0] >= 13 and newest >= (7, 5):
        build = "cu130"
    elif newest >= (10, 0):
        build, version = "cu128", "2.11.0"
    index = f"https://download.pytorch.org/whl/{build}"
    return f'{sys.executable} -m pip install "torch=={version}+{build}" --index-url {index}'


def check_disk(context: Context) -> tuple[str, str, str, str]:
    from huggingface_hub.constants import HF_HUB_CACHE

    here = context.workspace.root if context.workspace else Path.cwd()
    free, cache = shutil.disk_usage(here).free, shutil.disk_usage(_existing(Path(HF_HUB_CACHE))).free
    found = f"{free / 1e9:.0f} GB free here, {cache / 1e9:.0f} GB in the model cache"
    if min(free, cache) < FREE_BYTES:
        return WARN, found, "a training run of a small Whisper keeps about 6 GB of checkpoints", "free some space"
    return OK, found, "", ""


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def check_ytdlp(_: Context) -> tuple[str, str, str, str]:
    version = importlib.metadata.version("yt-dlp")
    year, month, day = (int(part) for part in version.split(".")[:3])
    age = (date.today() - date(year, month, day)).days
    fix = f'{sys.executable} -m pip install -U "yt-dlp[default,deno]"'
    if age > STALE_DAYS:
        return WARN, f"{version} is {age} days old", "YouTube changes often and may refuse it", fix
    return OK, f"{version}, {age} days old", "", ""


def check_javascript(_: Context) -> tuple[str, str, str, str]:
    from core.sources.ytdlp import find_deno

    deno = find_deno()
    fix = f'{sys.executable} -m pip install -U "yt-dlp[default,deno]"'
    if deno is None:
        return WARN, "no deno", "YouTube hides its audio behind a script that deno runs", fix
    try:
        done = subprocess.run([deno, "--version"], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return FAIL, f"{deno} does not start", str(error), fix
    return OK, " ".join(done.stdout.split()[:2]), "", ""


def check_huggingface(context: Context) -> tuple[str, str, str, str]:
    """Reachable or not matters only while a model is missing."""
    import urllib.error
    import urllib.request

    missing = not all(_present(name, context) for name in (context.config.model.base, context.config.model.labeller))
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        why = "HF_HUB_OFFLINE is set, and a model is missing"
        return (FAIL, "switched off", why, "unset HF_HUB_OFFLINE") if missing else (OK, "offline, as set", "", "")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        begun = time.monotonic()
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=5).close()
        return OK, f"reachable in {time.monotonic() - begun:.1f} s", "", ""
    except urllib.error.HTTPError:
        return OK, "reachable", "", ""
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error))
        fix = "set HTTPS_PROXY, or HF_ENDPOINT to a mirror" if missing else ""
        return (FAIL if missing else WARN), f"{endpoint} is not reachable", reason, fix


def check_base(context: Context) -> tuple[str, str, str, str]:
    return _model(context.config.model.base, "base", context)


def check_labeller(context: Context) -> tuple[str, str, str, str]:
    return _model(context.config.model.labeller, "labeller", context)


def _model(name: str, role: str, context: Context) -> tuple[str, str, str, str]:
    from core.whisper.loading import describe

    try:
        info = describe(name, context.workspace.root if context.workspace else None)
    except UserError as error:
        return FAIL, error.what, error.why, f"whispersmith model {name} --role {role}"
    size = f"{info.parameters / 1e6:.0f} M" if info.parameters >= 1e6 else f"{info.parameters / 1e3:.0f} k"
    found = f"{name}, {size} parameters, {info.bytes_on_disk / 1e6:.0f} MB, hears {info.window_s:g} s, {info.path}"
    if not info.has_generation_config:
        return WARN, found, "it has no generation_config.json; a standard one is used", ""
    return OK, found, "", ""


def _present(name: str, context: Context) -> bool:
    return _model(name, "base", context)[0] != FAIL


def as_json(checks: list[Check]) -> list[dict[str, Any]]:
    return [check.as_json() for check in checks]


CHECKS: tuple[CheckSpec, ...] = (
    CheckSpec("python", "Python", check_python),
    CheckSpec("ffmpeg", "ffmpeg", check_ffmpeg),
    CheckSpec("gpu", "NVIDIA GPU", check_gpu),
    CheckSpec("torch", "torch", check_torch),
    CheckSpec("disk", "Disk", check_disk),
    CheckSpec("yt-dlp", "yt-dlp", check_ytdlp),
    CheckSpec("javascript", "JavaScript", check_javascript),
    CheckSpec("huggingface", "Hugging Face", check_huggingface),
    CheckSpec("base", "Base model", check_base),
    CheckSpec("labeller", "Labeller", check_labeller),
)
"""In dependency order. check exits 1 if one of them fails; a warning is no failure."""
