"""NVML: opened once, every question asked alone, and why it does not answer when it does not."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

T = TypeVar("T")

OK = "ok"
MISSING = "library-missing"
NOT_LOADED = "not-loaded"
MISMATCH = "mismatch"
UNKNOWN = "unknown"
NO_PERMISSION = "no-permission"
LOST = "lost"
NO_DEVICES = "no-devices"
NO_LIBCUDA = "no-libcuda"
TIMEOUT = "timeout"
OTHER = "other"
"""States of a driver: at which layer it ends. `core.gpu.diagnosis` says each in a person's words."""


@dataclass(frozen=True)
class Refusal:
    """A GPU that is counted but not opened. state: LOST, NO_PERMISSION or OTHER; text: NVML's own words."""

    index: int
    state: str
    text: str


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver as NVML tells it.

    version: the driver's ("580.95.05"). cuda: the newest CUDA it runs, None where libcuda does not answer.
    gpus: how many it counts. error: why NVML does not work, in its own words; "" if it does. state: see above.
    library: NVML's own version, without the CUDA major in front; `HostInfo.module` is the loaded kernel module's. These
    two differ after an upgrade without a reboot.
    """

    version: str = ""
    cuda: tuple[int, int] | None = None
    gpus: int = 0
    error: str = ""
    state: str = OK
    library: str = ""
    refused: tuple[Refusal, ...] = ()

    @property
    def missing(self) -> bool:
        """No driver library on this machine at all."""
        return self.state == MISSING

    @property
    def cuda_version(self) -> str:
        return f"{self.cuda[0]}.{self.cuda[1]}" if self.cuda else ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Driver:
        cuda = data["cuda"]
        refused = tuple(Refusal(**row) for row in data["refused"])
        return cls(**data | {"cuda": tuple(cuda) if cuda else None, "refused": refused})


_lock = threading.Lock()
_open = False


def open_nvml() -> Any:
    """The bindings with NVML open, kept open for the life of the process: without persistence mode every
    opening initialises the card anew. Raises NVMLError. May take seconds: call it in a thread."""
    import pynvml

    global _open
    with _lock:
        if not _open:
            pynvml.nvmlInit()
            _open = True
    return pynvml


def ask(question: Callable[[], T]) -> T | None:
    """The answer, or None where the card or the driver does not tell this one value."""
    import pynvml

    # NVMLLibraryMismatchError is no NVMLError: old drivers lack some functions altogether.
    try:
        return question()
    except (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError, AttributeError):
        return None


def first(*questions: Callable[[], T]) -> T | None:
    """The answer to the first question that the driver knows: newer functions first, then their elders."""
    for question in questions:
        answer = ask(question)
        if answer is not None:
            return answer
    return None


def text(value: Any) -> str:
    """Older bindings answer in bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def driver() -> Driver:
    """The driver, or why there is none to talk to. May take seconds on a sick machine, or never come back: call it in
    a thread, or use `core.gpu.survey`, which asks in a process of its own."""
    import pynvml

    try:
        nvml = open_nvml()
    except pynvml.NVMLError as error:
        state = state_of(error)
        words = _loader() if state == MISSING else str(error)
        # These two answer without init, as soon as the library is there.
        known = state != MISSING
        return Driver(
            error=words,
            state=state,
            library=_library(pynvml) if known else "",
            cuda=_cuda(pynvml) if known else None,
        )
    count = ask(nvml.nvmlDeviceGetCount) or 0
    refused = tuple(found for index in range(count) if (found := _refusal(nvml, index)) is not None)
    cuda = _cuda(nvml)
    return Driver(
        version=text(ask(nvml.nvmlSystemGetDriverVersion)),
        cuda=cuda,
        gpus=count,
        state=_state(count, cuda, refused),
        error=refused[0].text if refused and len(refused) == count else "",
        library=_library(nvml),
        refused=refused,
    )


def _state(count: int, cuda: tuple[int, int] | None, refused: tuple[Refusal, ...]) -> str:
    if count == 0:
        return NO_DEVICES
    if len(refused) == count:
        return refused[0].state
    return OK if cuda else NO_LIBCUDA


def state_of(error: Any) -> str:
    import pynvml

    states: dict[int | None, str] = {
        pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: MISSING,
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED: NOT_LOADED,
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: MISMATCH,
        pynvml.NVML_ERROR_UNKNOWN: UNKNOWN,
        pynvml.NVML_ERROR_NO_PERMISSION: NO_PERMISSION,
        pynvml.NVML_ERROR_GPU_IS_LOST: LOST,
        pynvml.NVML_ERROR_RESET_REQUIRED: LOST,
    }
    return states.get(getattr(error, "value", None), OTHER)


def _refusal(nvml: Any, index: int) -> Refusal | None:
    import pynvml

    try:
        nvml.nvmlDeviceGetHandleByIndex(index)
    except pynvml.NVMLError as error:
        return Refusal(index, state_of(error), str(error))
    return None


def _cuda(nvml: Any) -> tuple[int, int] | None:
    number = ask(nvml.nvmlSystemGetCudaDriverVersion_v2)
    return (number // 1000, number % 1000 // 10) if number else None


def _library(nvml: Any) -> str:
    """NVML calls itself "12.535.288.01": CUDA's major, then the driver version it belongs to."""
    version = text(ask(nvml.nvmlSystemGetNVMLVersion))
    head, _, rest = version.partition(".")
    return rest if len(head) < 3 and rest.count(".") >= 1 else version


def _loader() -> str:
    """What the dynamic loader itself says: the bindings turn every reason into "not found"."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError as error:
        return str(error)
    return "the library is there now"
