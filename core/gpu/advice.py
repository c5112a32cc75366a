"""Does the installed torch use this card, and if not: which layer fails, and the one command that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.gpu import nvml
from core.gpu.cards import Gpu
from core.gpu.diagnosis import CPU_ONLY, driver_command, explain
from core.gpu.host import HostInfo
from core.gpu.nvml import Driver
from core.gpu.torch_build import TorchBuild
from core.gpu.wheels import Wheel, best, build_table, code_for, codes_of

BUS, NVML, DEVICES, DRIVER = "gpu-bus", "nvml", "devices", "driver"
TORCH, DRIVER_WHEEL, WHEEL_CARD = "torch", "driver-wheel", "wheel-card"
"""The layers, in their order, named as the checks that show them."""

PIP = "pip install"
JETSON = "https://docs.nvidia.com/deeplearning/frameworks/install-pytorch-jetson-platform/"


@dataclass(frozen=True)
class Advice:
    """verdict: "ok", "warn" or "fail". layer: where it ends, "" where nothing fails."""

    verdict: str
    found: str
    why: str = ""
    fix: str = ""
    layer: str = ""


def layer_of(driver: Driver) -> str:
    """The layer at which a driver's state ends; "" if it works."""
    if driver.state == nvml.OK:
        return ""
    if driver.state == nvml.NO_LIBCUDA:
        return DRIVER
    return DEVICES if driver.state == nvml.NO_DEVICES or driver.gpus else NVML


def advise(
    host: HostInfo, driver: Driver, cards: Sequence[Gpu], installed: TorchBuild | None, *, pip: str = PIP
) -> Advice:
    """The verdict over driver, cards and torch together. A pure function of what was read.

    cards: those a job may use, the one it would take first. pip: how this environment installs, "pip install".
    """
    if not host.bus and not host.wsl and driver.state in (nvml.MISSING, nvml.NO_DEVICES):
        return _no_gpu(installed, pip)
    diagnosis = explain(driver, host)
    if diagnosis is not None:
        verdict = "fail" if diagnosis.required else "warn"
        return Advice(verdict, diagnosis.found, diagnosis.why, diagnosis.fix, layer_of(driver))
    if not cards:
        return Advice(
            "warn", "no GPU is visible", "CUDA_VISIBLE_DEVICES hides them", "unset CUDA_VISIBLE_DEVICES", DEVICES
        )
    return _torch(host, driver, cards, installed, pip)


def _no_gpu(installed: TorchBuild | None, pip: str) -> Advice:
    if installed is None or installed.release < build_table().least:
        builds = build_table()
        return missing_torch(installed, f'{pip} "torch>={_dotted(builds.least)}" --index-url {builds.index}/cpu')
    return Advice("warn", "no NVIDIA GPU on the bus", CPU_ONLY, "", BUS)


def missing_torch(installed: TorchBuild | None, fix: str) -> Advice:
    least = _dotted(build_table().least)
    if installed is None:
        return Advice("fail", "torch is not installed", "it is what labels and trains", fix, TORCH)
    why = f"transformers needs {least} or newer"
    return Advice("fail", f"{installed.public} is too old", why, fix, TORCH)


def _torch(host: HostInfo, driver: Driver, cards: Sequence[Gpu], installed: TorchBuild | None, pip: str) -> Advice:
    cuda = driver.cuda or (0, 0)
    wheel = best(cuda, [card.capability for card in cards if card.capability], host.arch)
    fix = command(wheel, pip) if wheel else ""
    if installed is None or installed.release < build_table().least:
        plain = f'{pip} "torch>={_dotted(build_table().least)}"'
        return missing_torch(installed, fix or plain)
    if wheel is None and (old := _driver_first(host, driver, cards)):
        return old
    if installed.cuda is None:
        return _without_cuda(host, driver, cards, installed, wheel, fix)
    if cuda[0] < installed.cuda[0]:
        return _driver_too_old(host, driver, installed, wheel, fix)
    return _card(host, driver, cards, installed, wheel, fix)


def command(wheel: Wheel, pip: str = PIP) -> str:
    """The line that installs a wheel. The local version (+cu126) is part of it: without, pip and uv take an installed
    "2.14.1+cpu" for what is asked and change nothing, without a look at the index."""
    return f'{pip} "torch=={wheel.name}" --index-url {build_table().index}/{wheel.tag}'


def least_driver(major: int, host: HostInfo) -> str:
    """The oldest driver for a CUDA major, "" where the table does not know it. WSL2 reports Windows' driver."""
    row = build_table().drivers.get(major, {})
    return row.get("windows" if host.wsl or host.os == "windows" else "linux", "")


def _driver_first(host: HostInfo, driver: Driver, cards: Sequence[Gpu]) -> Advice | None:
    """No published wheel fits; perhaps one does on a newer driver."""
    newest = max(wheel.cuda for wheel in build_table().wheels)
    if best(newest, [card.capability for card in cards if card.capability], host.arch) is None:
        return None
    version = f"driver {driver.version} (CUDA {driver.cuda_version})"
    found = f"{version} is too old for every torch that knows {_card_name(cards[0])}"
    return Advice(
        "fail", found, f"driver 580 or newer runs torch {_dotted(build_table().newest)}", driver_command(host), DRIVER
    )


def _without_cuda(
    host: HostInfo, driver: Driver, cards: Sequence[Gpu], installed: TorchBuild, wheel: Wheel | None, fix: str
) -> Advice:
    if wheel is None:
        return _no_wheel(cards[0], installed)
    if installed.hip:
        found, why = f"{installed.public} is a build for AMD (ROCm)", f"{cards[0].short} stays idle"
    else:
        found, why = (
            f"{installed.public} is a build without CUDA",
            f"{_pypi(host, installed)}{cards[0].short} stays idle",
        )
    if wheel.last < build_table().newest:
        why += f"; {wheel.name} is the last one for {_reason(driver, wheel)}{_better(wheel)}"
    return Advice("fail", found, why, fix, TORCH)


def _pypi(host: HostInfo, installed: TorchBuild) -> str:
    if host.os == "windows":
        return "PyPI's wheels for Windows never have it; "
    release = _dotted(installed.release[:2])
    if build_table().pypi.get(release, {}).get(host.arch) == "cpu":
        return f"PyPI's {release} wheels for {host.arch} have none; "
    return ""


def _reason(driver: Driver, wheel: Wheel) -> str:
    """Whose fault it is that not the newest torch is advised: the driver's or the card's."""
    newest = max(known.cuda for known in build_table().wheels)
    return f"driver {driver.version}" if driver.cuda and driver.cuda[0] < newest[0] else "this card"


def _driver_too_old(host: HostInfo, driver: Driver, installed: TorchBuild, wheel: Wheel | None, fix: str) -> Advice:
    assert installed.cuda is not None
    needs = least_driver(installed.cuda[0], host)
    least = f"driver {needs} or newer" if needs else f"a driver that speaks CUDA {installed.cuda[0]}"
    found = f"{installed.public} is built for CUDA {_dotted(installed.cuda)} and needs {least}"
    if wheel is None:
        return Advice("fail", found, "no published torch has code for this card", driver_command(host), DRIVER_WHEEL)
    if installed.release[:2] == (2, 15) and installed.cuda[0] == 13:
        why = f"every CUDA wheel since 2.15 needs it; the last one for this driver is {wheel.name}"
    else:
        why = f"driver {driver.version} speaks CUDA {driver.cuda_version}; the last torch for it is {wheel.name}"
    return Advice("fail", found, why + _better(wheel), fix, DRIVER_WHEEL)


def _better(wheel: Wheel) -> str:
    """Builds that ended long ago are a stopgap."""
    return "; better: update the driver to 580 or newer" if wheel.last < (2, 14) else ""


def _card(
    host: HostInfo, driver: Driver, cards: Sequence[Gpu], installed: TorchBuild, wheel: Wheel | None, fix: str
) -> Advice:
    fits = [code_for(installed, card.capability, host.arch) for card in cards]
    without = [card for card, fit in zip(cards, fits, strict=True) if fit is False]
    if len(without) == len(cards):
        if wheel is None:
            return _no_wheel(cards[0], installed)
        codes = codes_of(installed, host.arch)
        holds = (
            f"holds code for {', '.join(f'{code // 10}.{code % 10}' for code in codes)}"
            if codes
            else "is older than it"
        )
        why = f"this build {holds}; the newest for this card and driver is {wheel.name}"
        found = f"{installed.version} has no code for {_card_name(cards[0])}"
        return Advice("fail", found, why + _better(wheel), fix, WHEEL_CARD)
    if None in fits and installed.release > build_table().newest:
        found = f"{installed.version} is newer than this app's table of {build_table().date}"
        why = "whether it has code for the card, the sum on the GPU tells; if that fails, this one is known to work"
        return Advice("warn", found, why, fix, WHEEL_CARD)
    idle = f"; no code for {', '.join(map(_card_name, without))}" if without else ""
    said = f"driver {driver.version} (CUDA {driver.cuda_version}), torch {installed.version}"
    first = next(card for card, fit in zip(cards, fits, strict=True) if fit is not False)
    return Advice("ok", f"{said}, {_card_name(first)}{idle}")


def _no_wheel(card: Gpu, installed: TorchBuild) -> Advice:
    """Nothing published runs on it: a card before Maxwell, or a Jetson."""
    found = f"no published torch has code for {_card_name(card)}"
    if card.capability == (8, 7):
        return Advice("fail", found, "Jetson has wheels of its own", f"install NVIDIA's torch: {JETSON}", WHEEL_CARD)
    return Advice("warn", found, CPU_ONLY, "", WHEEL_CARD)


def _card_name(card: Gpu) -> str:
    return f"{card.short} ({_dotted(card.capability)})" if card.capability else card.short


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
