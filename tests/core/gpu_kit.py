"""Machines with GPUs, and asking the checks on one of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes import nvml

INDEX = "https://download.pytorch.org/whl"
CU118 = f'pip install "torch==2.7.1+cu118" --index-url {INDEX}/cu118'
CU126 = f'pip install "torch==2.14.1+cu126" --index-url {INDEX}/cu126'
CU128 = f'pip install "torch==2.11.0+cu128" --index-url {INDEX}/cu128'
CU130 = f'pip install "torch==2.15.0+cu130" --index-url {INDEX}/cu130'
WITH_GPU = "docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility …"
UBUNTU = "sudo apt install nvidia-driver-580-server && sudo reboot"
SLOWLY = (
    "everything works on the processor, but slowly: on two cores whisper-tiny labels 1.3 segments of 10 s a second "
    "and trains on 0.5, and whisper-small is about seven times slower"
)
NOT_FOUND = "libnvidia-ml.so.1: cannot open shared object file: No such file or directory"
XID = "look for Xid in: sudo dmesg"

NEWEST, NEWEST_130 = ("2.15.0+cu132", "13.2"), ("2.15.0+cu130", "13.0")
LAST_126, CPU = ("2.14.1+cu126", "12.6"), ("2.13.0+cpu", None)


@dataclass(frozen=True)
class Row:
    """A machine, and the check that ends its chain. scenario None: no driver library at all. torch None: none."""

    name: str
    scenario: str | None
    torch: tuple[str, str | None] | None
    id: str
    verdict: str
    found: str
    why: str = ""
    fix: str = ""
    root: dict[str, Any] = field(default_factory=dict)
    old: bool = False


ROWS = (
    Row(
        "the author's laptop", "laptop-3070", NEWEST, "driver-wheel", "fail",
        "2.15.0 is built for CUDA 13.2 and needs driver 580 or newer",
        "every CUDA wheel since 2.15 needs it; the last one for this driver is 2.14.1+cu126", CU126,
    ),
    Row(
        "the author's laptop in WSL2", "laptop-3070", NEWEST, "driver-wheel", "fail",
        "2.15.0 is built for CUDA 13.2 and needs driver 580 or newer",
        "every CUDA wheel since 2.15 needs it; the last one for this driver is 2.14.1+cu126", CU126,
        {"wsl": True, "bus": False},
    ),
    Row(
        "the author's laptop, CUDA 13.0", "laptop-3070", ("2.12.0+cu130", "13.0"), "driver-wheel", "fail",
        "2.12.0 is built for CUDA 13.0 and needs driver 580 or newer",
        "driver 537.13 speaks CUDA 12.2; the last torch for it is 2.14.1+cu126", CU126,
    ),
    Row(
        "the author's laptop, no CUDA", "laptop-3070", CPU, "torch", "fail",
        "2.13.0 is a build without CUDA",
        "RTX 3070 Laptop stays idle; 2.14.1+cu126 is the last one for driver 537.13", CU126,
    ),
    Row(
        "the author's laptop, no torch", "laptop-3070", None, "torch", "fail",
        "torch is not installed", "it is what labels and trains", CU126,
    ),
    Row(
        "a server, no CUDA in torch", "h100x2-580", ("2.15.0+cpu", None), "torch", "fail",
        "2.15.0 is a build without CUDA", "H100 80GB HBM3 stays idle", CU130,
    ),
    Row(
        "a server, torch for AMD", "h100x2-580", ("2.15.0+rocm7.1", None), "torch", "fail",
        "2.15.0 is a build for AMD (ROCm)", "H100 80GB HBM3 stays idle", CU130,
    ),
    Row(
        "a server, torch too old", "h100x2-580", ("2.4.1+cu124", "12.4"), "torch", "fail",
        "2.4.1 is too old", "transformers needs 2.6 or newer", CU130,
    ),
    Row(
        "an old driver", "rtx2080ti-470", NEWEST, "driver-wheel", "fail",
        "2.15.0 is built for CUDA 13.2 and needs driver 580 or newer",
        "every CUDA wheel since 2.15 needs it; the last one for this driver is 2.7.1+cu118; "
        "better: update the driver to 580 or newer", CU118, old=True,
    ),
    Row(
        "a new driver, an old card", "gtx1080ti-580", NEWEST, "wheel-card", "fail",
        "2.15.0+cu132 has no code for GTX 1080 Ti (6.1)",
        "this build holds code for 7.5, 8.0, 8.6, 9.0, 10.0, 12.0; "
        "the newest for this card and driver is 2.14.1+cu126", CU126,
    ),
    Row(
        "an old driver, a new card", "rtx5090-570", NEWEST, "driver-wheel", "fail",
        "2.15.0 is built for CUDA 13.2 and needs driver 580 or newer",
        "every CUDA wheel since 2.15 needs it; the last one for this driver is 2.11.0+cu128; "
        "better: update the driver to 580 or newer", CU128,
    ),
    Row(
        "a card too new for the build", "rtx5090-570", LAST_126, "wheel-card", "fail",
        "2.14.1+cu126 has no code for RTX 5090 (12.0)",
        "this build holds code for 5.0, 6.0, 7.0, 7.5, 8.0, 8.6, 9.0; "
        "the newest for this card and driver is 2.11.0+cu128; better: update the driver to 580 or newer", CU128,
    ),
    Row(
        "a driver too old for its card", "b200-525", ("2.11.0+cu128", "12.8"), "driver", "fail",
        "driver 525.147.05 (CUDA 12.0) is too old for every torch that knows B200 (10.0)",
        "driver 580 or newer runs torch 2.15.0", UBUNTU,
    ),
    Row(
        "a card before Maxwell", "k80-470", ("2.7.1+cu118", "11.8"), "wheel-card", "warn",
        "no published torch has code for Tesla K80 (3.7)", SLOWLY, old=True,
    ),
    Row(
        "libraries replaced under the driver", "mismatch", LAST_126, "nvml", "fail",
        "the driver's library is 535.288.01, the loaded kernel module 535.183.01",
        "the driver's files were replaced while the old module runs; with no GPU program running, this does without "
        "a reboot: sudo rmmod nvidia_drm nvidia_modeset nvidia_uvm nvidia && sudo modprobe nvidia",
        "sudo reboot", {"module": "535.183.01"},
    ),
    Row(
        "the module is not loaded", "not-loaded", LAST_126, "nvml", "fail",
        "the NVIDIA driver is installed but not loaded",
        "no kernel module answers; if the command fails, the module was not built for this kernel or Secure Boot "
        "refuses it: reinstall the driver package", "sudo modprobe nvidia",
    ),
    Row(
        "a container without device files", "not-loaded", LAST_126, "nvml", "fail",
        "a container without GPU devices",
        "the driver's library is in this container, its devices (/dev/nvidia*) are not", WITH_GPU, {"container": True},
    ),
    Row(
        "a container that lost its GPU", "unknown-error", LAST_126, "nvml", "fail",
        "the GPU was taken from this running container",
        "`systemctl daemon-reload` on the host takes the devices from running containers; "
        "nvidia-container-toolkit 1.18 or newer (CDI) prevents it",
        "docker restart <this container>", {"container": True},
    ),
    Row(
        "an error without a name", "unknown-error", LAST_126, "nvml", "fail",
        "NVML says: Unknown Error", f"the driver is in a state that NVML has no word for; {XID}", "sudo reboot",
    ),
    Row(
        "no permission", "no-permission", LAST_126, "nvml", "fail",
        "this user may not open the GPU",
        "NVML says: Insufficient Permissions; the device files or the control group forbid it: on a cluster ask for "
        "the GPU (Slurm: --gres=gpu:1)", "ls -l /dev/nvidia*",
    ),
    Row(
        "a library that crashes", "crashes", LAST_126, "nvml", "fail",
        "the NVIDIA driver does not work", "NVML says: the question ended with code -6", "sudo reboot",
    ),
    Row(
        "no driver on Ubuntu", None, LAST_126, "nvml", "fail",
        "the NVIDIA driver is not installed", f"its library does not load: {NOT_FOUND}", UBUNTU,
    ),
    Row(
        "no driver on another Linux", None, LAST_126, "nvml", "fail",
        "the NVIDIA driver is not installed", f"its library does not load: {NOT_FOUND}",
        "install the NVIDIA driver, 580 or newer, with your distribution's package manager, then: sudo reboot",
        {"distribution": "arch"},
    ),
    Row(
        "WSL2 without a driver", None, LAST_126, "nvml", "fail",
        "WSL2 without the NVIDIA library", f"Windows' driver brings it: {NOT_FOUND}",
        "update the NVIDIA driver in Windows (https://www.nvidia.com/drivers), then in Windows: wsl --shutdown",
        {"wsl": True, "bus": False},
    ),
    Row(
        "a container without GPUs", None, CPU, "nvml", "warn",
        "no NVIDIA library in this container",
        f"the container was started without its GPU ({NOT_FOUND}); {SLOWLY}", WITH_GPU, {"container": True},
    ),
    Row(
        "no GPU at all", None, CPU, "gpu-bus", "warn", "no NVIDIA GPU on the bus", SLOWLY, root={"bus": False},
    ),
    Row(
        "a driver without any card", "no-devices", LAST_126, "gpu-bus", "warn",
        "no NVIDIA GPU on the bus", SLOWLY, root={"bus": False},
    ),
    Row(
        "a container without devices", "no-devices", LAST_126, "devices", "fail",
        "driver 550.127.05 answers and counts no GPU", "the container was started without devices", WITH_GPU,
        {"container": True},
    ),
    Row(
        "a card bound elsewhere", "no-devices", LAST_126, "devices", "fail",
        "driver 550.127.05 answers and counts no GPU",
        "the card at 0000:01:00.0 is bound to another driver (vfio or nouveau); the command shows which",
        "lspci -nnk -d 10de:",
    ),
    Row(
        "a lost card", "all-lost", LAST_126, "devices", "fail",
        "the GPU is lost", f"NVML says: GPU is lost; it fell off the bus or needs a reset: {XID}", "sudo reboot",
    ),
    Row(
        "a container for watching only", "no-libcuda", NEWEST_130, "driver", "fail",
        "driver 580.95.05, but its CUDA library libcuda.so.1 is missing",
        "the container was started with the utility capability only", WITH_GPU, {"container": True},
    ),
    Row(
        "a driver without its compute part", "no-libcuda", NEWEST_130, "driver", "fail",
        "driver 580.95.05, but its CUDA library libcuda.so.1 is missing",
        "NVML answers, CUDA cannot: the driver is installed in part",
        "reinstall the NVIDIA driver with its compute part (libcuda.so.1)",
    ),
)  # fmt: skip

BELOW = {
    "gpu-bus": ("nvml", "devices", "driver", "driver-wheel", "wheel-card", "gpu-add", "precision", "gpu-memory"),
    "nvml": ("devices", "driver", "driver-wheel", "wheel-card", "gpu-add", "precision", "gpu-memory"),
    "devices": ("driver", "driver-wheel", "wheel-card", "gpu-add", "precision", "gpu-memory"),
    "driver": ("driver-wheel", "wheel-card", "gpu-add", "precision", "gpu-memory"),
    "torch": ("driver-wheel", "wheel-card", "gpu-add", "precision", "gpu-memory"),
    "driver-wheel": ("wheel-card", "gpu-add", "precision", "gpu-memory"),
    "wheel-card": ("gpu-add", "precision", "gpu-memory"),
}


def ask(
    libraries: dict[bool, Path],
    folder: Path,
    scenario: str | None,
    torch: tuple[str, str | None] | None,
    *ids: str,
    root: dict[str, Any] | None = None,
    old: bool = False,
    code: str = "raise SystemExit('the checks must not import torch')",
    **variables: str,
) -> dict[str, dict[str, str]]:
    tree = nvml.make_root(folder / "root", **(root or {}))
    if torch is None:  # hide the real one behind a folder that is not a package and not a torch
        nvml.write(folder / "lib/torch.py", "raise ImportError\n")
    else:
        version, cuda = torch
        hip = version.partition("+rocm")[2] or None
        nvml.make_torch(folder / "lib", version, cuda, code=code, hip=hip)
    library = libraries[old] if scenario else folder / "nowhere"
    settings = nvml.environment(library, nvml.scenario(scenario) if scenario else None) | variables
    out = nvml.ask_checks(str(tree), *ids, environment=settings, path=(folder / "lib",))
    return {check["id"]: check for check in json.loads(out)}
