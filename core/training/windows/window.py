"""The words of this room: a row, a part of its sound, a window, and the mix a run is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import UserError
from core.timed_text import Cue
from core.typed_json import Number

Kind = Literal["single", "stretch", "packed"]


@dataclass(frozen=True)
class Row:
    """One segment: its id, its 16 kHz wav, its text ("" where nobody speaks), and where it lies in its recording, in
    milliseconds, the end not part of it. weight: what a token of its text counts in the loss, 1 where a person has
    accepted it."""

    segment: str
    path: Path
    text: str
    video: str
    start_ms: int
    end_ms: int
    weight: float = 1.0

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True)
class WavPart:
    """A part of a wav, in milliseconds from its beginning; end_ms None: to its end, wherever that is."""

    path: Path
    start_ms: int = 0
    end_ms: int | None = None


@dataclass(frozen=True)
class TrainingWindow:
    """What the model hears at once, and what it is taught to write.

    rows: what it is made of, in the order they are heard. audio: the sound, one part after the other. said: texts with
    their times in milliseconds from the window's first sample, in order, none beginning before the one before ends;
    none where nobody speaks. timestamps: whether the times are taught, too. weights: of each text, those of their rows;
    () where all are 1.
    """

    rows: tuple[Row, ...]
    audio: tuple[WavPart, ...]
    said: tuple[Cue, ...]
    timestamps: bool = False
    weights: tuple[float, ...] = ()

    @property
    def length_ms(self) -> int:
        """Of its sound."""
        last = self.rows[-1].length_ms
        return sum((last if span.end_ms is None else span.end_ms) - span.start_ms for span in self.audio)

    @property
    def name(self) -> str:
        """What it is called in an error."""
        first, last = self.rows[0].segment, self.rows[-1].segment
        return first if first == last else f"{first} … {last}"


@dataclass(frozen=True)
class WindowMix:
    """What a run's windows are: shares of the speech that is heard in windows of each kind, in sum 1, and the share of
    the windows that are taught with their times. silence: windows in which nobody speaks, at most so many for each one
    with a text; but one where there is any, unless it is 0."""

    single: Number = 1.0
    stretch: Number = 0.0
    packed: Number = 0.0
    timestamps: Number = 0.0
    silence: Number = 0.05

    @classmethod
    def of(cls, kinds: str, timestamps: float, silence: float) -> WindowMix:
        """Kinds as the settings name them, such as "single+stretch": with equal shares."""
        named = kinds.split("+")
        share = {kind: (kind in named) / len(named) for kind in ("single", "stretch", "packed")}
        return cls(**share, timestamps=timestamps, silence=silence)

    @property
    def kinds(self) -> str:
        """As the settings name them."""
        return "+".join(kind for kind in ("single", "stretch", "packed") if getattr(self, kind))

    def __post_init__(self) -> None:
        shares = (self.single, self.stretch, self.packed)
        others = (self.timestamps, self.silence)
        if min(*shares, *others) < 0 or abs(sum(shares) - 1) > 1e-6 or max(others) > 1:
            raise UserError(
                "the windows' shares cannot be kept",
                f"single {self.single:g}, stretch {self.stretch:g} and packed {self.packed:g} have to be 1 in sum, "
                f"timestamps ({self.timestamps:g}) and silence ({self.silence:g}) lie between 0 and 1",
                "change [train] in whispersmith.toml",
            )
