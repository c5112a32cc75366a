"""`python -m core.gpu`: what NVML tells, as one JSON object on standard output."""

from core.gpu.asking import print_survey

print_survey()
