"""What a machine tells about its GPU without any driver: the bus, the kernel module, WSL, containers."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

NVIDIA_VENDOR = "0x10de"
DISPLAY_CLASS = "0x03"
"""PCI class of VGA and 3D controllers; NVIDIA also makes network cards (class 0x02) and audio functions (0x04)."""


@dataclass(frozen=True)
class HostInfo:
    """os: "linux" or "windows"; arch: "x86_64" or "aarch64". bus: PCI addresses of NVIDIA display devices.
    module: version of the loaded kernel module, "" if none is. node: /dev/nvidiactl is there.
    distribution: ID of /etc/os-release."""

    os: str = "linux"
    arch: str = "x86_64"
    wsl: bool = False
    container: bool = False
    bus: tuple[str, ...] = ()
    module: str = ""
    node: bool = False
    distribution: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_host_info(root: Path = Path("/")) -> HostInfo:
    """Read files only: it answers at once, needs no rights and no driver. root: where the file system begins."""
    machine = platform.machine().lower()
    release = _text(root / "proc/sys/kernel/osrelease").lower()
    return HostInfo(
        os="windows" if os.name == "nt" else "linux",
        arch={"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine),
        wsl="microsoft" in release or (root / "dev/dxg").exists(),
        container=_in_container(root),
        bus=_display_devices(root / "sys/bus/pci/devices"),
        module=_text(root / "sys/module/nvidia/version"),
        node=(root / "dev/nvidiactl").exists(),
        distribution=_os_release(root).get("ID", ""),
    )


def _display_devices(folder: Path) -> tuple[str, ...]:
    try:
        devices = sorted(folder.iterdir())
    except OSError:
        return ()
    return tuple(
        device.name
        for device in devices
        if _text(device / "vendor") == NVIDIA_VENDOR and _text(device / "class").startswith(DISPLAY_CLASS)
    )


def _in_container(root: Path) -> bool:
    """Docker and Podman leave a file; systemd-nspawn, LXC and others tell pid 1 in its environment; Kubernetes and
    plain containerd show in the control group's path."""
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return True
    if _text(root / "run/systemd/container"):
        return True
    groups = _text(root / "proc/1/cgroup")
    return any(word in groups for word in ("docker", "kubepods", "containerd", "libpod", "/lxc/"))


def _os_release(root: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in _text(root / "etc/os-release").splitlines())
    return {key: value.strip("\"'") for key, _, value in pairs if value}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\x00 \n\t")
    except OSError:
        return ""
