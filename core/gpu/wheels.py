"""The table of torch builds, and the two rules that read it.

A wheel carries its own CUDA runtime, cuBLAS, cuDNN and NCCL; the machine gives only the driver. It runs where
(a) the driver's CUDA major is at least the wheel's (minor-version compatibility, since CUDA 11), and
(b) the wheel holds code for the card: of the same major, with the same or a lower minor.
Neither a CUDA toolkit nor nvcc nor cuDNN nor CUDA_HOME matters.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.gpu.torch_build import TorchBuild, numbers

TABLE = Path(__file__).with_name("torch_builds.toml")
Capability = tuple[int, int]


@dataclass(frozen=True)
class Wheel:
    """One line of the index: torch `first` to `last` built with `cuda`. codes: card code by processor."""

    tag: str
    cuda: tuple[int, int]
    first: tuple[int, ...]
    last: tuple[int, ...]
    codes: dict[str, tuple[int, ...]]
    advised: bool

    @property
    def name(self) -> str:
        """The version with its local part: "2.14.1+cu126"."""
        return f"{'.'.join(map(str, self.last))}+{self.tag}"


@dataclass(frozen=True)
class BuildTable:
    """torch_builds.toml. drivers: CUDA major to the least driver by operating system. pypi: torch's minor release to
    the CUDA of what PyPI gives by processor. known_since: (code, CUDA) that first knew it."""

    date: str
    newest: tuple[int, ...]
    least: tuple[int, ...]
    index: str
    drivers: dict[int, dict[str, str]]
    pypi: dict[str, dict[str, str]]
    wheels: tuple[Wheel, ...]
    apart: frozenset[int]
    known_since: tuple[tuple[int, tuple[int, int]], ...]
    precisions: tuple[tuple[int, str, str], ...]


@cache
def build_table() -> BuildTable:
    data = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return BuildTable(
        date=str(data["date"]),
        newest=numbers(data["newest"]),
        least=numbers(data["least"]),
        index=data["index"],
        drivers={int(major): row for major, row in data["drivers"].items()},
        pypi=data["pypi"],
        wheels=tuple(
            Wheel(
                row["tag"],
                _pair(row["cuda"]),
                numbers(row["first"]),
                numbers(row["last"]),
                {"x86_64": tuple(row["x86_64"]), "aarch64": tuple(row["aarch64"])},
                row.get("advised", True),
            )
            for row in data["build"]
        ),
        apart=frozenset(data["cards"]["apart"]),
        known_since=tuple((row["capability"], _pair(row["cuda"])) for row in data["cards"]["known_since"]),
        precisions=tuple((row["capability"], row["name"], row["found"]) for row in data["precision"]),
    )


def _pair(version: str) -> tuple[int, int]:
    major, minor = numbers(version)[:2]
    return major, minor


def number(capability: Capability) -> int:
    """86 for 8.6, as the wheels count."""
    return 10 * capability[0] + capability[1]


def has_code(codes: Iterable[int], capability: Capability) -> bool:
    """Rule (b), as torch.cuda.DEVICE_REQUIREMENT has it."""
    card = number(capability)
    if card in build_table().apart:
        return card in codes
    return any(code // 10 == card // 10 and code <= card and code not in build_table().apart for code in codes)


def codes_of(build: TorchBuild, arch: str) -> tuple[int, ...] | None:
    """The card code an installed build holds; None where nobody says. Its own word comes before the table's."""
    if build.cuda is None:
        return ()
    own = build.codes.get(f"{build.cuda[0]}.{build.cuda[1]}", {}).get(arch)
    if own:
        return tuple(sorted(own))
    release = build.release[:2]
    for wheel in build_table().wheels:
        if wheel.tag == build.tag and wheel.first[:2] <= release <= wheel.last[:2]:
            return wheel.codes.get(arch)
    return None


def code_for(build: TorchBuild, capability: Capability | None, arch: str = "x86_64") -> bool | None:
    """Whether an installed build has code for a card; None where that is not known."""
    if capability is None:
        return None
    codes = codes_of(build, arch)
    if codes is not None:
        return has_code(codes, capability)
    since = cuda_since(capability)
    return False if since and build.cuda and build.cuda < since else None


def cuda_since(capability: Capability) -> tuple[int, int] | None:
    """The first CUDA that knows such a card, where the table says."""
    return next((cuda for code, cuda in build_table().known_since if number(capability) >= code), None)


def best(cuda: tuple[int, int], capabilities: Iterable[Capability], arch: str) -> Wheel | None:
    """The newest torch that runs on this driver and all of these cards, or else on the most capable one. Of two builds
    of it, the one whose CUDA the driver knows whole."""
    wanted = sorted(capabilities, reverse=True)
    if not wanted or ((since := cuda_since(wanted[0])) and cuda < since):
        return None
    fit = [wheel for wheel in build_table().wheels if wheel.advised and cuda[0] >= wheel.cuda[0]]
    for cards in (wanted, wanted[:1]):
        able = [wheel for wheel in fit if all(has_code(wheel.codes.get(arch, ()), card) for card in cards)]
        if able:
            return max(able, key=lambda wheel: (wheel.last, wheel.cuda <= cuda, wheel.cuda))
    return None


def precision(capability: Capability | None) -> tuple[str, str]:
    """(name, what the card computes): "bf16", "fp16" or "fp32". By the card's own word: torch's question counts
    emulation, and says yes to bf16 on Turing and Pascal."""
    card = number(capability) if capability else 0
    return next((name, found) for least, name, found in build_table().precisions if card >= least)
