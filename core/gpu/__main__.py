"""`python -m core.gpu`: what NVML tells, as one JSON object on standard output."""

from core.gpu.survey import print_survey

print_survey()
