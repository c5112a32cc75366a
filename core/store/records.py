"""What the store hands out: frozen rows. Times are integer milliseconds, paths relative to the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.review.differences import Difference, differences
from core.review.sound_flags import sound_flags_of
from core.timed_text import Cue

ORIGINS = ("machine", "caption", "human", "imported")
REVIEWS = ("pending", "accepted", "rejected")
HUMAN = ("human", "imported")
"""Origins no stage may overwrite."""


@dataclass(frozen=True)
class Source:
    """A playlist, channel, video URL, feed, or local file or folder."""

    id: int
    url: str
    kind: str
    title: str
    added: int
    listed: int | None = None
    """When its list was last read to the end (ms since 1970); None if that was never reached."""


@dataclass(frozen=True)
class Replaced:
    """A recording has been put in another's place. texts: the newest timed text of what lay there before; at: when it
    was noticed (ms since 1970)."""

    texts: int
    at: int


@dataclass(frozen=True)
class Video:
    """One recording. licence: cc-by, standard, own or unknown. state: listed, fetched or failed."""

    id: str
    source: int | None = None
    position: int = 0
    url: str = ""
    title: str = ""
    channel: str = ""
    channel_url: str = ""
    duration_ms: int | None = None
    upload_date: str = ""
    licence: str = "unknown"
    licence_text: str = ""
    captions: tuple[str, ...] = ()
    live_status: str = ""
    selected: bool = False
    state: str = "listed"
    path: str | None = None
    bytes: int | None = None
    error: dict[str, str] | None = None
    asked: int | None = None
    """When the site was asked for licence, captions and the rest that no list tells (ms since 1970)."""
    cut: dict[str, Any] | None = None
    """How the segments were cut: "length_ms" and "overlap_ms", or "shortest_ms" and "longest_ms"; which file ("bytes",
    "duration_ms", and by what it is known: "media"), how many "segments" that gave and their sound ("sound_ms"). None
    while it is not cut to its end. "replaced": see `Replaced`."""
    cutting: dict[str, Any] | None = None
    """A cut that has begun and is not at its end: settings, "bytes", "media", what becomes of texts ("text")."""
    media_fault: dict[str, str] | None = None
    """What cutting has found wrong with the media file, as a UserError's texts; cutting it again changes nothing."""

    @property
    def replaced(self) -> Replaced | None:
        """None for one that has always been the same recording."""
        found = (self.cut or self.cutting or {}).get("replaced")
        return None if found is None else Replaced(**found)

    @property
    def is_uncut(self) -> bool:
        """Its file is here, it is not cut to its end, and may well be."""
        return self.path is not None and self.cut is None and self.media_fault is None


@dataclass(frozen=True)
class Captions:
    """The captions of one recording. automatic: written by the site's recognition.

    error: why there are none, the four texts of a UserError with kind and retry; cues are empty then.
    """

    video: str
    language: str = ""
    automatic: bool = False
    cues: tuple[Cue, ...] = ()
    error: dict[str, str] | None = None
    at: int = 0


@dataclass(frozen=True)
class TimedTextRow:
    """What one source says about a recording, without its windows. settings: what it was made with.

    done: when the last of its windows was stored (ms since 1970); None while some are missing.
    """

    id: int
    video: str
    source: str
    settings: dict[str, Any]
    begun: int
    done: int | None = None


@dataclass(frozen=True)
class SecondReading:
    """How a second labeller, `source`, reads a segment. text: the first reading; places: where `other` differs."""

    segment: str
    source: str
    text: str
    other: str
    places: tuple[Difference, ...] = ()

    def places_in(self, text: str) -> Sequence[Difference]:
        """Where `other` differs from what the segment says by now: a word was moved, or somebody has written."""
        return self.places if text == self.text else differences(text, self.other)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment with its transcript. origin is None while nothing has been written for it."""

    id: str
    video: str
    start_ms: int
    end_ms: int
    path: str
    dbfs: float | None = None
    speech: float | None = None
    """Share (0–1) of its time in which somebody speaks, as the detector hears it."""
    peak: float | None = None
    """Of its highest sample, in dBFS."""
    clipped: float | None = None
    """Share (0–1) of its samples at full scale."""
    digest: str | None = None
    """SHA-256 of the wav, as it was written; None for one that was cut before this was kept."""
    kept: bool = False
    """Not of the cut that its recording has now (or is being given), but of an earlier one, or imported."""
    part: str | None = None
    text: str = ""
    raw: str = ""
    origin: str | None = None
    model: str = ""
    avg_logprob: float | None = None
    logprob: float | None = None
    """The sum over the words of the machine's text, natural; avg_logprob is the mean."""
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    flags: tuple[str, ...] = ()
    suspicion: float | None = None
    review: str = "pending"
    is_changed: bool = False
    """A machine's text in which a person has changed something, and which they have not accepted."""

    @property
    def is_human(self) -> bool:
        return self.origin in HUMAN

    @property
    def is_reviewed(self) -> bool:
        """A person wrote its text or judged it: no new cut takes it away."""
        return self.is_human or self.review != "pending"

    @property
    def may_be_rewritten(self) -> bool:
        """It has a machine's text which no person has accepted, rejected or changed."""
        return self.origin is not None and not self.is_reviewed and not self.is_changed

    @property
    def is_measured(self) -> bool:
        return None not in (self.dbfs, self.speech, self.peak, self.clipped)

    @property
    def sound_flags(self) -> tuple[str, ...]:
        return sound_flags_of(self.dbfs, self.speech, self.clipped)

    @property
    def usable(self) -> bool:
        """May be trained on and measured with: a person accepted it, and it says something."""
        return self.review == "accepted" and bool(self.text.strip())


class TranscriptRow(NamedTuple):
    """A segment with what a list shows of its transcript, for reading 100 000 at once. Rows sort in playing order.

    place: of the recording among all (its rowid). differs: in how many places a second labeller reads the text
    otherwise. For the rest, see Segment.
    """

    place: int
    start_ms: int
    end_ms: int
    id: str
    video: str
    text: str = ""
    origin: str | None = None
    review: str = "pending"
    flags: tuple[str, ...] = ()
    suspicion: float | None = None
    avg_logprob: float | None = None
    model: str = ""
    speech: float | None = None
    sound_flags: tuple[str, ...] = ()
    differs: int = 0


class DatasetRow(NamedTuple):
    """A segment with what is looked at in a data set. part: of the split in force, None for neither side."""

    id: str
    video: str
    start_ms: int
    end_ms: int
    path: str
    digest: str | None = None
    part: str | None = None
    text: str = ""
    review: str = "pending"

    @property
    def is_usable(self) -> bool:
        """As `Segment.usable`."""
        return self.review == "accepted" and bool(self.text.strip())


class SegmentRow(NamedTuple):
    """A segment with what a list of one recording shows of it, for reading 100 000 at once. Rows sort in playing order.

    For the fields, see Segment.
    """

    start_ms: int
    end_ms: int
    id: str
    dbfs: float | None = None
    speech: float | None = None
    clipped: float | None = None
    origin: str | None = None
    review: str = "pending"
    flags: tuple[str, ...] = ()
    kept: bool = False

    @property
    def sound_flags(self) -> tuple[str, ...]:
        return sound_flags_of(self.dbfs, self.speech, self.clipped)


@dataclass(frozen=True)
class Changes:
    """What has happened to segments since a revision. removed: ids of those that are gone."""

    revision: int
    rows: list[TranscriptRow]
    removed: list[str]


class SeenText(NamedTuple):
    """What stood in a row when a person saw it."""

    text: str
    review: str = "pending"


class TextChange(NamedTuple):
    """A text that a person wants to be another. before: as it was when they saw it; review: its verdict then, where
    another verdict given since must not be written over."""

    segment: str
    before: str
    after: str
    review: str | None = None


@dataclass(frozen=True)
class ChangedTexts:
    """count: texts that are others now; left: those that somebody else had changed, or a person rejected, meanwhile."""

    count: int = 0
    left: int = 0


@dataclass(frozen=True)
class Undone:
    """What an undo took back. segment: the one whose row to look at; None where all of a batch has changed since.

    count: segments that are as they were; changed: those of the batch that were changed since, and left as they are.
    """

    segment: str | None
    count: int = 1
    changed: int = 0


@dataclass(frozen=True)
class EvaluationRow:
    """One test segment of an evaluation; errors are counts of character edits."""

    segment: str
    reference: str
    base: str
    tuned: str
    base_errors: int
    tuned_errors: int
    characters: int


@dataclass(frozen=True)
class Evaluation:
    id: int
    at: int
    model: str
    result: dict[str, Any]
    rows: tuple[EvaluationRow, ...] = field(default=())
