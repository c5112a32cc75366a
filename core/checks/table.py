"""The table of set-up checks, in dependency order: what each is called, what asks it, and what it stands on.

Adding a check is a function in a file beside this one, its entry here, and its id in `core.checks`.
"""

from __future__ import annotations

from core.checks import database, disk, downloads, environment, gpu, hub, models, session, terminal, torch
from core.checks.check import CheckSpec

DRIVER_S = 15.0
"""For checks that may be the first to ask the driver, which has 10 s to answer."""
CHECKS: tuple[CheckSpec, ...] = (
    CheckSpec("python", "Python", environment.check_python),
    CheckSpec("ffmpeg", "ffmpeg", environment.check_ffmpeg, timeout_s=20),
    CheckSpec("gpu-bus", "PCI bus", gpu.check_bus, timeout_s=DRIVER_S),
    CheckSpec("nvml", "NVML", gpu.check_nvml, ("gpu-bus",), DRIVER_S),
    CheckSpec("devices", "NVIDIA GPU", gpu.check_devices, ("nvml",), DRIVER_S),
    CheckSpec("driver", "Driver", gpu.check_driver, ("devices",), DRIVER_S),
    CheckSpec("torch", "torch", torch.check_torch, timeout_s=DRIVER_S),
    CheckSpec("driver-wheel", "torch, driver", torch.check_driver_wheel, ("driver", "torch"), DRIVER_S),
    CheckSpec("wheel-card", "torch, card", torch.check_wheel_card, ("driver-wheel",), DRIVER_S),
    CheckSpec("gpu-add", "GPU computes", torch.check_sum, ("wheel-card",), DRIVER_S + torch.SUM_TIMEOUT_S),
    CheckSpec("precision", "Precision", gpu.check_precision, ("wheel-card",), DRIVER_S),
    CheckSpec("gpu-memory", "GPU memory", models.check_memory, ("wheel-card",), DRIVER_S),
    CheckSpec("database", "Database", database.check_database),
    CheckSpec("disk", "Disk", disk.check_disk),
    CheckSpec("yt-dlp", "yt-dlp", downloads.check_ytdlp),
    CheckSpec("yt-dlp-ejs", "yt-dlp-ejs", downloads.check_ejs, ("yt-dlp",)),
    CheckSpec("javascript", "JavaScript", downloads.check_javascript, ("yt-dlp",)),
    CheckSpec("huggingface", "Hugging Face", hub.check_huggingface),
    CheckSpec("base", "Base model", models.check_base),
    CheckSpec("labeller", "Labeller", models.check_labeller),
    CheckSpec("logind", "Logging out", session.check_logind),
    CheckSpec("terminal", "Terminal", terminal.check_terminal),
)
"""In dependency order. check exits 1 if one of them fails; a warning is no failure."""
