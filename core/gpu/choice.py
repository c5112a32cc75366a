"""Which GPU a job uses, how its process is made to use it, and waiting until there is room on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Protocol

from core.errors import UserError
from core.gpu.cards import Gpu, read_gpus

AUTO = "auto"
EVERY_S = 2.0
"""Between two looks at a GPU that is full; each costs milliseconds."""

GIVEN = "WHISPERSMITH_CUDA_VISIBLE_DEVICES"
"""What CUDA_VISIBLE_DEVICES was before a job settled on one GPU; not set where that was not."""


class Wait(Protocol):
    """An interruptible sleep that raises whatever ends the wait: a job's `wait`."""

    def __call__(self, seconds: float, /) -> object: ...


def choose(gpus: Iterable[Gpu], wish: str | None = None, visible: str | None = None) -> Gpu | None:
    """The GPU to compute on: of those allowed, the one with the most free memory; of equals, the first.

    wish: "auto" or None, a UUID (or the beginning of one, from "GPU-" or "MIG-" on), or an index as NVML counts.
    visible: CUDA_VISIBLE_DEVICES as the person or the scheduler has set it, None where it is not set; what it hides
    is never chosen, not even when wished for. A card in MIG mode stands for its slices. None: no such GPU.
    """
    allowed = visible_gpus(gpus, visible)
    if wish and wish != AUTO:
        allowed = [gpu for gpu in allowed if _is(gpu, wish)]
    return max(allowed, key=lambda gpu: -1 if gpu.memory_free is None else gpu.memory_free, default=None)


def visible_gpus(gpus: Iterable[Gpu], visible: str | None) -> list[Gpu]:
    """What CUDA would see, MIG slices in place of their card.

    As CUDA reads the variable: numbers or UUIDs (also abbreviated) with commas; the first entry that is not valid
    hides itself and everything after it; "" hides everything. Numbers are taken in the order of the bus, as with
    CUDA_DEVICE_ORDER=PCI_BUS_ID; on mixed cards CUDA's own default is another, which is why jobs are given UUIDs.
    """
    cards = list(gpus)
    if visible is None:
        return [piece for card in cards for piece in _pieces(card)]
    found: list[Gpu] = []
    for entry in visible.split(","):
        matching = [piece for card in cards for piece in _named(card, entry.strip())]
        if not matching:
            break
        found += [piece for piece in matching if piece not in found]
    return found


def _pieces(card: Gpu) -> tuple[Gpu, ...]:
    return card.slices if card.mig else (card,)


def _named(card: Gpu, entry: str) -> tuple[Gpu, ...]:
    if entry.isdigit():
        return _pieces(card) if card.index == int(entry) else ()
    if entry.startswith("MIG-"):
        return tuple(piece for piece in card.slices if piece.uuid.startswith(entry))
    return _pieces(card) if entry.startswith("GPU-") and card.uuid.startswith(entry) else ()


def _is(gpu: Gpu, wish: str) -> bool:
    if wish.isdigit():
        return gpu.index == int(wish)
    return wish.startswith(("GPU-", "MIG-")) and gpu.uuid.startswith(wish)


def environment_for(gpu: Gpu) -> dict[str, str]:
    """The variables that make a process see this GPU and no other, whatever the order of the numbers. They must be set
    before the process first asks CUDA for anything."""
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": gpu.uuid}


def settle_on(gpu: Gpu) -> None:
    """Make this process, and those that it starts, see this GPU and no other."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        os.environ.setdefault(GIVEN, os.environ["CUDA_VISIBLE_DEVICES"])
    os.environ.update(environment_for(gpu))


def all_for_job(wish: str | None = None, *, read: Callable[[], list[Gpu]] = read_gpus) -> list[Gpu]:
    """Every GPU that a job may use, also after it has settled on one; with a wish that one alone."""
    from core.gpu.host import read_host_info
    from core.gpu.torch_build import installed_torch
    from core.gpu.wheels import code_for

    build, arch = installed_torch(), read_host_info().arch
    seen = visible_gpus(read(), os.environ.get(GIVEN))
    able = [gpu for gpu in seen if build is not None and code_for(build, gpu.capability, arch) is not False]
    return [gpu for gpu in able if not wish or wish == AUTO or _is(gpu, wish)]


def choose_for_job(wish: str | None = None, *, read: Callable[[], list[Gpu]] = read_gpus) -> Gpu | None:
    """The GPU a job should start on now, None where the machine has none to offer.

    Of several cards, those that the installed torch has code for come first. UserError if one was wished for by name
    and is not there or is hidden.
    """
    return _pick(read(), wish)


def _pick(gpus: list[Gpu], wish: str | None) -> Gpu | None:
    from core.gpu.host import read_host_info
    from core.gpu.torch_build import installed_torch
    from core.gpu.wheels import code_for

    visible, build, arch = os.environ.get("CUDA_VISIBLE_DEVICES"), installed_torch(), read_host_info().arch
    whole = visible_gpus(gpus, visible)
    able = [gpu for gpu in whole if build is not None and code_for(build, gpu.capability, arch) is not False]
    gpu = choose(able, wish) or choose(whole, wish)
    if gpu is None and wish and wish != AUTO:
        there = ", ".join(f"{card.index} {card.short} {card.uuid}" for card in whole) or "none"
        hidden = f"; CUDA_VISIBLE_DEVICES={visible} hides the others" if visible is not None else ""
        raise UserError(
            f"the GPU {wish} is not there", f"there: {there}{hidden}", 'set gpu = "auto" under [model] in the settings'
        )
    return gpu


def wait_until_free(
    need_bytes: int,
    wait: Wait,
    *,
    wish: str | None = None,
    read: Callable[[], list[Gpu]] = read_gpus,
    on_wait: Callable[[Gpu], object] = lambda gpu: None,
    every_s: float = EVERY_S,
) -> Gpu | None:
    """Wait until `need_bytes` of one GPU are free, and return that GPU. With "auto" the first to have room is taken.

    wait: how to sleep, and how the wait is interrupted. on_wait: called at each look that found too little, with the
    GPU that has the most. Returns at once, without a promise, where there is no GPU or it does not tell its memory.
    UserError if no GPU that may be used has that much memory at all.
    """
    while True:
        gpus = read()
        gpu = _pick(gpus, wish)
        if gpu is None or gpu.memory_free is None or gpu.memory_free >= need_bytes:
            return gpu
        allowed = visible_gpus(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))
        sizes = [card.memory_total or 0 for card in allowed if not wish or wish == AUTO or _is(card, wish)]
        if 0 < max(sizes, default=0) < need_bytes:
            raise UserError(
                f"{need_bytes / 2**30:.1f} GB will never be free on this GPU",
                f"{gpu.short} has {max(sizes) / 2**30:.1f} GB in all",
                "lower wait_for_gb under [model] in the settings",
            )
        on_wait(gpu)
        wait(every_s)
