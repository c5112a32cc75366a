"""Readings of the GPUs. Every value is asked alone: a card that does not tell one still tells the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.gpu.nvml import ask, first, open_nvml, text


@dataclass(frozen=True)
class GpuProcess:
    """A program on a GPU. memory in bytes, None where the driver does not tell (WDDM, WSL2, other people's
    containers). user: login name, or the number where it has none, "" where the pid is not of this machine's view.
    mine: it runs under this user; None where that is not known."""

    pid: int
    name: str = ""
    memory: int | None = None
    user: str = ""
    mine: bool | None = None


@dataclass(frozen=True)
class Gpu:
    """One GPU, or one MIG slice of it. memory in bytes, utilization in percent, temperature in °C, power in watts;
    None: it does not tell.

    unified: it shares the machine's memory, and the figures are those of /proc/meminfo. slices: its MIG instances;
    CUDA can use one of them at a time, and not the card as a whole.
    """

    index: int
    uuid: str
    name: str
    capability: tuple[int, int] | None
    memory_total: int | None
    memory_used: int | None
    memory_free: int | None
    utilization: int | None
    temperature: int | None
    power_w: float | None
    power_limit_w: float | None = None
    pci: str = ""
    unified: bool = False
    processes: tuple[GpuProcess, ...] = ()
    mig: bool = False
    slices: tuple[Gpu, ...] = ()

    @property
    def short(self) -> str:
        return self.name.removeprefix("NVIDIA ").removeprefix("GeForce ").removesuffix(" GPU")

    @property
    def others(self) -> tuple[GpuProcess, ...]:
        """Programs of other people, as far as it is known."""
        return tuple(process for process in self.processes if process.mine is False)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Gpu:
        capability = data["capability"]
        return cls(
            **data
            | {
                "capability": tuple(capability) if capability else None,
                "processes": tuple(GpuProcess(**row) for row in data["processes"]),
                "slices": tuple(cls.from_dict(row) for row in data["slices"]),
            }
        )


_handles: dict[str, Any] = {}
_handles_lock = threading.Lock()


def read_gpus() -> list[Gpu]:
    """Every GPU that answers, in NVML's order; an empty list where NVML does not work."""
    import pynvml

    try:
        nvml = open_nvml()
    except pynvml.NVMLError:
        return []
    found = []
    for index in range(ask(nvml.nvmlDeviceGetCount) or 0):
        handle = ask(lambda index=index: nvml.nvmlDeviceGetHandleByIndex(index))
        if handle is not None:
            found.append(_read(nvml, index, handle))
    return found


def read(uuid: str) -> Gpu | None:
    """The very GPU (or MIG slice) with this UUID, through a handle that is kept; None where it does not answer.

    NVML's numbers can change with a reboot and differ from CUDA's: the UUID is the same everywhere.
    """
    import pynvml

    try:
        nvml = open_nvml()
    except pynvml.NVMLError:
        return None
    with _handles_lock:
        handle = _handles.get(uuid)
    if handle is None:
        handle = ask(lambda: nvml.nvmlDeviceGetHandleByUUID(uuid))
        if handle is None:
            return None
    index = ask(lambda: nvml.nvmlDeviceGetIndex(handle))
    answers = ask(lambda: nvml.nvmlDeviceGetUUID(handle)) is not None
    with _handles_lock:
        if not answers:  # it fell off the bus, or the driver was loaded anew
            _handles.pop(uuid, None)
            return None
        _handles[uuid] = handle
    return _read(nvml, index if index is not None else 0, handle)


def _read(nvml: Any, index: int, handle: Any, parent: Gpu | None = None) -> Gpu:
    use = ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
    power = ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
    # Laptops refuse the management limit; the enforced one answers everywhere.
    limit = ask(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle))
    capability = ask(lambda: nvml.nvmlDeviceGetCudaComputeCapability(handle))
    pci = ask(lambda: nvml.nvmlDeviceGetPciInfo(handle))
    total, used, free, unified = _memory(nvml, handle)
    mode = ask(lambda: nvml.nvmlDeviceGetMigMode(handle)) if parent is None else None
    gpu = Gpu(
        index=index,
        uuid=text(ask(lambda: nvml.nvmlDeviceGetUUID(handle))),
        name=text(ask(lambda: nvml.nvmlDeviceGetName(handle))),
        capability=(capability[0], capability[1]) if capability else parent.capability if parent else None,
        memory_total=total,
        memory_used=used,
        memory_free=free,
        utilization=use.gpu if use else None,
        temperature=first(
            lambda: nvml.nvmlDeviceGetTemperatureV(handle, nvml.NVML_TEMPERATURE_GPU),
            lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
        ),
        power_w=power / 1000 if power is not None else None,
        power_limit_w=limit / 1000 if limit is not None else None,
        pci=text(pci.busId) if pci else "",
        unified=unified,
        processes=_processes(nvml, handle),
        mig=bool(mode and mode[0] == nvml.NVML_DEVICE_MIG_ENABLE),
    )
    if not gpu.mig:
        return gpu
    return replace(gpu, slices=_slices(nvml, handle, gpu))


def _memory(nvml: Any, handle: Any) -> tuple[int | None, int | None, int | None, bool]:
    """(total, used, free, shared with the machine).

    Version 2 counts what programs hold; version 1, all that drivers before R510 know, adds the driver's own reserve.
    Free is the same in both. A GPU that is part of the processor (GB10) has none of its own and refuses both.
    """
    import pynvml

    refused = 0
    for question in (
        lambda: nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2),
        lambda: nvml.nvmlDeviceGetMemoryInfo(handle),
    ):
        try:
            memory = question()
        except pynvml.NVMLError as error:
            refused += getattr(error, "value", None) == pynvml.NVML_ERROR_NOT_SUPPORTED
        except (pynvml.NVMLLibraryMismatchError, AttributeError):
            continue
        else:
            return memory.total, memory.used, memory.free, False
    machine = machine_memory() if refused == 2 else None
    if machine is None:
        return None, None, None, False
    total, free = machine
    return total, total - free, free, True


def machine_memory(path: Path = Path("/proc/meminfo")) -> tuple[int, int] | None:
    """(total, available) bytes of the machine's memory. cudaMemGetInfo counts the page cache as used on GB10."""
    try:
        rows = dict(line.split(":", 1) for line in path.read_text(encoding="ascii").splitlines() if ":" in line)
        return int(rows["MemTotal"].split()[0]) * 1024, int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _slices(nvml: Any, handle: Any, parent: Gpu) -> tuple[Gpu, ...]:
    found = []
    for place in range(ask(lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0):
        # A gap answers NOT_FOUND.
        piece = ask(lambda place=place: nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place))
        if piece is not None:
            found.append(_read(nvml, place, piece, parent))
    return tuple(found)


def _processes(nvml: Any, handle: Any) -> tuple[GpuProcess, ...]:
    """Programs that compute, then programs that draw; one that does both counts once."""
    found: dict[int, GpuProcess] = {}
    for kind in ("Compute", "Graphics"):
        rows = first(*_process_questions(nvml, handle, kind)) or []
        for row in rows:
            if row.pid not in found:
                found[row.pid] = _process(nvml, row.pid, row.usedGpuMemory)
    return tuple(found.values())


def _process_questions(nvml: Any, handle: Any, kind: str) -> list[Callable[[], list[Any]]]:
    # The unversioned name means _v3 only; drivers before R510 have _v2.
    names = (f"nvmlDeviceGet{kind}RunningProcesses", f"nvmlDeviceGet{kind}RunningProcesses_v2")
    return [lambda name=name: getattr(nvml, name)(handle) for name in names]


def _process(nvml: Any, pid: int, memory: int | None) -> GpuProcess:
    name = text(ask(lambda: nvml.nvmlSystemGetProcessName(pid)))
    folder = Path("/proc") / str(pid)
    try:
        owner = folder.stat().st_uid
    except OSError:  # another container's, or Windows' side of WSL2
        return GpuProcess(pid, name, memory)
    if not name:
        try:
            name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            name = ""
    return GpuProcess(pid, name, memory, user_name(owner), owner == os.getuid())


def user_name(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
