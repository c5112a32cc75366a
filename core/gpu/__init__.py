"""NVIDIA GPUs: what they tell, what is wrong with them, which one to use, and which torch fits them."""

from core.gpu.advice import Advice, advise
from core.gpu.cards import Gpu, GpuProcess, read, read_gpus
from core.gpu.choice import all_for_job, choose, choose_for_job, environment_for, settle_on, wait_until_free
from core.gpu.diagnosis import Diagnosis, explain
from core.gpu.host import HostInfo, read_host_info
from core.gpu.nvml import Driver, driver
from core.gpu.survey import Survey, survey
from core.gpu.torch_build import TorchBuild, installed_torch

__all__ = [
    "Advice",
    "Diagnosis",
    "Driver",
    "Gpu",
    "GpuProcess",
    "HostInfo",
    "Survey",
    "TorchBuild",
    "advise",
    "all_for_job",
    "choose",
    "choose_for_job",
    "driver",
    "environment_for",
    "explain",
    "installed_torch",
    "read",
    "read_gpus",
    "read_host_info",
    "settle_on",
    "survey",
    "wait_until_free",
]
