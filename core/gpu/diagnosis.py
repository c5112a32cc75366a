"""Why NVML does not answer, in a person's words, with the one command that mends it."""

from __future__ import annotations

from dataclasses import dataclass

from core.gpu import nvml
from core.gpu.host import HostInfo
from core.gpu.nvml import Driver

CPU_ONLY = (
    "everything works on the processor, but slowly: on two cores whisper-tiny labels 1.3 segments of 10 s a second "
    "and trains on 0.5, and whisper-small is about seven times slower"
)
"""How slow. The two figures for tiny were measured; the factor is that of the models' sizes."""

NEWEST_SERVER = "sudo apt install nvidia-driver-580-server && sudo reboot"
"""Driver 580 serves every card from Maxwell to Blackwell, and every published torch."""
WITH_GPU = "docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility …"
WINDOWS_DRIVER = "https://www.nvidia.com/drivers"


@dataclass(frozen=True)
class Diagnosis:
    """The failing layer. required: False where it may well be meant so, as in a container without GPUs."""

    found: str
    why: str
    fix: str
    required: bool = True


def explain(driver: Driver, host: HostInfo) -> Diagnosis | None:
    """What is wrong between the card and CUDA; None if nothing is."""
    explained = {
        nvml.MISSING: _missing,
        nvml.NOT_LOADED: _not_loaded,
        nvml.MISMATCH: _mismatch,
        nvml.UNKNOWN: _unknown,
        nvml.NO_PERMISSION: _no_permission,
        nvml.LOST: _lost,
        nvml.NO_DEVICES: _no_devices,
        nvml.NO_LIBCUDA: _no_libcuda,
        nvml.TIMEOUT: _timeout,
        nvml.OTHER: _other,
    }.get(driver.state)
    return explained(driver, host) if explained else None


def driver_command(host: HostInfo) -> str:
    """How a driver of 580 or newer gets onto this machine."""
    if host.wsl:
        return f"update the NVIDIA driver in Windows ({WINDOWS_DRIVER}), then in Windows: wsl --shutdown"
    if host.os == "windows":
        return f"update the NVIDIA driver: {WINDOWS_DRIVER}"
    if host.container:
        return "on the container's host: update the NVIDIA driver to 580 or newer, then reboot it"
    if host.distribution == "ubuntu":
        return NEWEST_SERVER
    return "install the NVIDIA driver, 580 or newer, with your distribution's package manager, then: sudo reboot"


def _missing(driver: Driver, host: HostInfo) -> Diagnosis:
    if host.wsl:
        return Diagnosis(
            "WSL2 without the NVIDIA library", f"Windows' driver brings it: {driver.error}", driver_command(host)
        )
    if host.container:
        why = f"the container was started without its GPU ({driver.error}); {CPU_ONLY}"
        return Diagnosis("no NVIDIA library in this container", why, WITH_GPU, required=False)
    return Diagnosis(
        "the NVIDIA driver is not installed", f"its library does not load: {driver.error}", driver_command(host)
    )


def _not_loaded(_: Driver, host: HostInfo) -> Diagnosis:
    if host.container:
        why = "the driver's library is in this container, its devices (/dev/nvidia*) are not"
        return Diagnosis("a container without GPU devices", why, WITH_GPU)
    why = (
        "no kernel module answers; if the command fails, the module was not built for this kernel or Secure Boot "
        "refuses it: reinstall the driver package"
    )
    return Diagnosis("the NVIDIA driver is installed but not loaded", why, "sudo modprobe nvidia")


def _mismatch(driver: Driver, host: HostInfo) -> Diagnosis:
    loaded = host.module or "is of another version"
    why = (
        "the driver's files were replaced while the old module runs; with no GPU program running, this does without a "
        "reboot: sudo rmmod nvidia_drm nvidia_modeset nvidia_uvm nvidia && sudo modprobe nvidia"
    )
    fix = "reboot the container's host" if host.container else "sudo reboot"
    return Diagnosis(f"the driver's library is {driver.library}, the loaded kernel module {loaded}", why, fix)


def _unknown(driver: Driver, host: HostInfo) -> Diagnosis:
    if host.container:
        why = (
            "`systemctl daemon-reload` on the host takes the devices from running containers; "
            "nvidia-container-toolkit 1.18 or newer (CDI) prevents it"
        )
        return Diagnosis("the GPU was taken from this running container", why, "docker restart <this container>")
    why = "the driver is in a state that NVML has no word for; look for Xid in: sudo dmesg"
    return Diagnosis(f"NVML says: {driver.error}", why, "sudo reboot")


def _no_permission(driver: Driver, _: HostInfo) -> Diagnosis:
    why = (
        f"NVML says: {driver.error}; the device files or the control group forbid it: on a cluster ask for the GPU "
        "(Slurm: --gres=gpu:1)"
    )
    return Diagnosis("this user may not open the GPU", why, "ls -l /dev/nvidia*")


def _lost(driver: Driver, _: HostInfo) -> Diagnosis:
    why = f"NVML says: {driver.error}; it fell off the bus or needs a reset: look for Xid in: sudo dmesg"
    return Diagnosis("the GPU is lost", why, "sudo reboot")


def _no_devices(driver: Driver, host: HostInfo) -> Diagnosis:
    found = f"driver {driver.version} answers and counts no GPU"
    if host.container:
        return Diagnosis(found, "the container was started without devices", WITH_GPU)
    if not host.bus:
        return Diagnosis(found, f"there is no NVIDIA GPU on the bus; {CPU_ONLY}", "", required=False)
    why = f"the card at {host.bus[0]} is bound to another driver (vfio or nouveau); the command shows which"
    return Diagnosis(found, why, "lspci -nnk -d 10de:")


def _no_libcuda(driver: Driver, host: HostInfo) -> Diagnosis:
    found = f"driver {driver.version}, but its CUDA library libcuda.so.1 is missing"
    if host.container:
        return Diagnosis(found, "the container was started with the utility capability only", WITH_GPU)
    fix = "reinstall the NVIDIA driver with its compute part (libcuda.so.1)"
    return Diagnosis(found, "NVML answers, CUDA cannot: the driver is installed in part", fix)


def _timeout(driver: Driver, _: HostInfo) -> Diagnosis:
    why = f"{driver.error}; a hung driver or card: look for Xid in: sudo dmesg"
    return Diagnosis("the NVIDIA driver does not answer", why, "sudo reboot")


def _other(driver: Driver, _: HostInfo) -> Diagnosis:
    return Diagnosis("the NVIDIA driver does not work", f"NVML says: {driver.error}", "sudo reboot")
