"""whispersmith.toml as a new workspace gets it: the settings that people change most, with what they mean."""

from __future__ import annotations

from core.config import DEFAULT_MODEL

TEMPLATE = """\
# whispersmith workspace. Comments are kept when the app writes here.

[project]
language = "zh"          # the spoken language, as Whisper names it

[model]
base = "{model}"      # what is fine-tuned: a Hugging Face id or a folder
labeller = "{model}"  # what writes the first transcripts
gpu = "auto"             # the one with the most free memory; or its UUID, or a number
wait_for_gb = 0.0        # on a shared machine: start when so much of its memory is free

[fetch]
any_licence = false      # true: fetch videos that are not Creative Commons without asking

[captions]
fetch = true             # what people wrote as captions; label takes it first
languages = []           # for example ["zh-TW", "zh"]; [] for those of project.language
automatic = false        # true: also the site's own speech recognition, where people wrote nothing

[ytdlp]                  # merged into yt-dlp's options, for example:
# proxy = "socks5h://127.0.0.1:1080"
# cookiefile = "cookies.txt"

[segment]
mode = "windows"         # "pauses": pieces of shortest_s to longest_s that end where nobody speaks
length_s = 10.0          # of windows, and by how much they overlap
overlap_s = 2.0

[label]
by = "recordings"        # what the labeller hears; "clips": each segment by itself, for models that can only that
engine = "auto"          # "transformers" or "ctranslate2"; auto takes what is better and faster here
beam = 5                 # hypotheses that are kept; 1 is quicker and makes more errors

[labeller]
second = ""              # another Whisper that hears the same: what is unsure and read otherwise is reviewed first

[transcripts]
script = "as-written"    # "traditional-tw", "traditional-hk" or "simplified": what machines write is converted

[split]
by = "auto"              # video where there are several, else stretches of time
test = 0.1

[train]
windows = "stretch"      # what is heard at once: neighbouring segments as one; "single": each by itself; "packed"
timestamps = 0.5         # share of the windows that are taught with their times
include = "reviewed"     # texts that a person accepted; "confident": also machine's with few errors expected; "all"
epochs = 0.0             # how often each segment is heard; 0: what suits the windows
batch = 8
accumulation = 2
method = "full"          # "quick": the decoder alone; "light": small changes (LoRA), for little memory
learning_rate = 0.0      # 0: what suits method and size
"""


def template(model: str = DEFAULT_MODEL) -> str:
    """The text of the file. model: what is fine-tuned, and what writes the first transcripts."""
    return TEMPLATE.format(model=model)
