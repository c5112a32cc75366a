"""What NVML tells of the GPUs. Every value is asked alone: a card that does not tell one still tells the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Gpu:
    """One GPU. memory in bytes, utilization in percent, temperature in °C, power in watts; None: it does not tell."""

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


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver as NVML tells it. error: why NVML does not work, in its own words; "" if it does."""

    version: str = ""
    cuda: tuple[int, int] | None = None
    gpus: int = 0
    error: str = ""
    missing: bool = False
    """No driver library on this machine at all."""


_lock = threading.Lock()
_open = False


def _nvml() -> Any:
    """The bindings with NVML open, kept open for the life of the process: without persistence mode every
    opening initialises the card anew. Raises NVMLError."""
    import pynvml

    global _open
    with _lock:
        if not _open:
            pynvml.nvmlInit()
            _open = True
    return pynvml


def _asked(question: Callable[[], T]) -> T | None:
    import pynvml

    # NVMLLibraryMismatchError is no NVMLError: old drivers lack some functions altogether.
    try:
        return question()
    except (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError, AttributeError):
        return None


def driver() -> Driver:
    """The driver, or why there is none to talk to. May take seconds on a sick machine: call it in a thread."""
    import pynvml

    try:
        nvml = _nvml()
    except pynvml.NVMLError as error:
        code = getattr(error, "value", None)
        return Driver(error=str(error), missing=code == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    cuda = _asked(nvml.nvmlSystemGetCudaDriverVersion_v2)
    return Driver(
        version=_text(_asked(nvml.nvmlSystemGetDriverVersion)),
        cuda=(cuda // 1000, cuda % 1000 // 10) if cuda else None,
        gpus=_asked(nvml.nvmlDeviceGetCount) or 0,
    )


def read_gpus() -> list[Gpu]:
    """Every GPU that answers; an empty list where NVML does not work."""
    import pynvml

    try:
        nvml = _nvml()
    except pynvml.NVMLError:
        return []
    found = []
    for index in range(_asked(nvml.nvmlDeviceGetCount) or 0):
        handle = _asked(lambda index=index: nvml.nvmlDeviceGetHandleByIndex(index))
        if handle is not None:
            found.append(_read(nvml, index, handle))
    return found


def _read(nvml: Any, index: int, handle: Any) -> Gpu:
    # Version 2 counts what programs hold; version 1 (drivers before R510) adds the driver's own reserve.
    memory = _asked(lambda: nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)) or _asked(
        lambda: nvml.nvmlDeviceGetMemoryInfo(handle)
    )
    use = _asked(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
    power = _asked(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
    capability = _asked(lambda: nvml.nvmlDeviceGetCudaComputeCapability(handle))
    return Gpu(
        index=index,
        uuid=_text(_asked(lambda: nvml.nvmlDeviceGetUUID(handle))),
        name=_text(_asked(lambda: nvml.nvmlDeviceGetName(handle))),
        capability=(capability[0], capability[1]) if capability else None,
        memory_total=memory.total if memory else None,
        memory_used=memory.used if memory else None,
        memory_free=memory.free if memory else None,
        utilization=use.gpu if use else None,
        temperature=_asked(lambda: nvml.nvmlDeviceGetTemperatureV(handle, nvml.NVML_TEMPERATURE_GPU)),
        power_w=power / 1000 if power is not None else None,
    )


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
