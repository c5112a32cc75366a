"""The models worth trying, one table. Sizes are computed from the shapes, never typed.

Sources, as of 2026-11:
- shapes: config.json of the repositories under https://huggingface.co/openai (the same numbers stand in the table of
  https://github.com/openai/whisper, file model-card.md);
- stored precision: large-v3 and turbo are published in fp16, the others in fp32;
- MediaTek-Research/Breeze-ASR-25: its card and https://github.com/mtkresearch/Breeze-ASR-25 (a large-v2, tuned for
  Taiwanese Mandarin and for Mandarin with English in it, Apache-2.0; vocab.json and merges.txt, no tokenizer.json);
- ADT109119/whisper-small-zh-TW: the labeller and base model of the run this program follows; a small, taken to be
  stored in fp32 like every small. The hub's own figure is shown as soon as it is asked;
- language codes: tokenizer.py of https://github.com/openai/whisper.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from core.config import DEFAULT_MODEL
from core.whisper.shape import Shape

_CODES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id "
    "is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd "
    "si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh"
)
LANGUAGES_99 = tuple(_CODES.split())
LANGUAGES_100 = (*LANGUAGES_99, "yue")
"""large-v3 and turbo know Cantonese too."""

WINDOW_S = 30.0
TOKENIZER_BYTES = 4_000_000
"""Everything that is fetched beside the weights."""


TINY, BASE, SMALL, MEDIUM = Shape(384, 4, 4), Shape(512, 6, 6), Shape(768, 12, 12), Shape(1024, 24, 24)
LARGE = Shape(1280, 32, 32)
LARGE_V3, TURBO = Shape(1280, 32, 32, 128, 51_866), Shape(1280, 32, 4, 128, 51_866)


@dataclass(frozen=True)
class Suggested:
    """bytes_per_weight: as published. tuned_for: languages it was fine-tuned for, none for a general model."""

    id: str
    shape: Shape
    note: str
    bytes_per_weight: int = 4
    languages: tuple[str, ...] = LANGUAGES_99
    tuned_for: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        return self.shape.parameters

    @property
    def download_bytes(self) -> int:
        """An estimate; exact sizes come from the hub when a download begins."""
        return self.parameters * self.bytes_per_weight + TOKENIZER_BYTES


SUGGESTED: tuple[Suggested, ...] = (
    Suggested(DEFAULT_MODEL, SMALL, "small, tuned for Traditional Chinese", tuned_for=("zh",)),
    Suggested(
        "MediaTek-Research/Breeze-ASR-25",
        LARGE,
        "large-v2, tuned for Taiwanese Mandarin and for English mixed in",
        tuned_for=("zh", "en"),
    ),
    Suggested("openai/whisper-large-v3-turbo", TURBO, "nearly large-v3, four times as fast", 2, LANGUAGES_100),
    Suggested("openai/whisper-large-v3", LARGE_V3, "the most accurate of OpenAI's", 2, LANGUAGES_100),
    Suggested("openai/whisper-medium", MEDIUM, "between small and large"),
    Suggested("openai/whisper-small", SMALL, "a good base where 8 GB must do"),
    Suggested("openai/whisper-base", BASE, "for weak machines"),
    Suggested("openai/whisper-tiny", TINY, "to try things out"),
)


def suggestion(id: str) -> Suggested | None:
    return next((one for one in SUGGESTED if one.id == id), None)


def nearest(name: str) -> str | None:
    """The suggested id that a misspelt one probably means, with or without its owner."""
    names = {one.id.lower(): one.id for one in SUGGESTED}
    if close := difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.75):
        return names[close[0]]
    if name.count("/"):
        return None
    tails = {one.id.rpartition("/")[2].lower(): one.id for one in SUGGESTED}
    tails |= {tail.removeprefix("whisper-"): id for tail, id in tails.items()}
    close = difflib.get_close_matches(name.lower(), tails, n=1, cutoff=0.75)
    return tails[close[0]] if close else None
