"""The set-up checks. Their ids are part of `whispersmith check --json` and do not change:

python         the interpreter and its environment
ffmpeg         which one, its version and path
gpu-bus        an NVIDIA display device on the PCI bus, or WSL2's way to one; needs no driver
nvml           the driver's management library loads and starts
devices        the cards a job may use: name, capability, memory, who holds it
driver         its version, and the CUDA it runs (libcuda is there)
torch          the installed build, read from its files
driver-wheel   the driver's CUDA major is at least the build's
wheel-card     the build has code for the card
gpu-add        a process of its own adds two numbers on the card
precision      bf16, fp16 or fp32, by the card's capability
gpu-memory     free memory against a training step of the base model
database       there and whole, and may be written
disk           room here and in the model cache against what is to come
yt-dlp         version and age
yt-dlp-ejs     the version that this yt-dlp takes
javascript     the runtime, against the floor that yt-dlp declares
huggingface    reachable, token valid or not needed, offline mode
base           the base model is here and whole
labeller       the labeller is here and whole
logind         jobs outlive the login
terminal       colours, UTF-8, width of ambiguous characters, size

A check whose ground is missing is "skipped", and its `blocked_by` is the id of the check that stopped it. No
GPU is a warning of gpu-bus, and everything up to gpu-memory but torch is skipped; all works without one, slowly.
The order and the grounds are in `core.checks.table`, running them in `core.checks.runner`.
"""
