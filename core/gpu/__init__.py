"""NVIDIA GPUs: what they tell, what is wrong with them, which one to use, and which torch fits them."""

from core.gpu.advice import Advice, advise
from core.gpu.asking import Survey, survey
from core.gpu.cards import Gpu, GpuProcess, read, read_gpus
from core.gpu.choice import choose, environment_for, for_job, wait_until_free
from core.gpu.host import Host, read_host
from core.gpu.nvml import Driver, driver
from core.gpu.torch_build import TorchBuild, installed_torch
from core.gpu.trouble import Trouble, explain

__all__ = [
    "Advice",
    "Driver",
    "Gpu",
    "GpuProcess",
    "Host",
    "Survey",
    "TorchBuild",
    "Trouble",
    "advise",
    "choose",
    "driver",
    "environment_for",
    "explain",
    "for_job",
    "installed_torch",
    "read",
    "read_gpus",
    "read_host",
    "survey",
    "wait_until_free",
]
