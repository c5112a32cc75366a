"""NVIDIA GPUs: what they tell, what is wrong with them, which one to use, and which torch fits them."""

from core.gpu.advice import Advice, advise
from core.gpu.cards import Gpu, GpuProcess, read, read_gpus
from core.gpu.choice import choose, environment_for, for_job, wait_until_free
from core.gpu.diagnosis import Diagnosis, explain
from core.gpu.host import Host, read_host
from core.gpu.nvml import Driver, driver
from core.gpu.survey import Survey, survey
from core.gpu.torch_build import TorchBuild, installed_torch

__all__ = [
    "Advice",
    "Diagnosis",
    "Driver",
    "Gpu",
    "GpuProcess",
    "Host",
    "Survey",
    "TorchBuild",
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
