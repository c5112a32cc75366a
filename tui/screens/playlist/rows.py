"""The rows of the playlist screen: every recording, with sums; which of them are shown; what stands in a row. No app.

VideoIndex  every recording in the order of the lists; sums that follow each change, so that nothing counts them all
VideoRows   the table's rows: those of an index that a filter lets through
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from rich.text import Text

from core.sources.failures import is_permanent
from core.stages.details import is_due
from core.store import Video
from tui.widgets import cells, marks
from tui.widgets.columns import Column

LIVE = {"is_live": "live now", "is_upcoming": "not yet", "post_live": "just ended"}
"""Live states of what is no recording yet, and the words of the state column for it."""
LICENCES = {"cc-by": "CC BY", "standard": "standard", "own": "own", "unknown": "–"}
SHORT_LICENCES = {"cc-by": "cc", "standard": "©", "own": "", "unknown": "?"}
BYTES_A_MS = 13.6
"""About what YouTube's audio track takes, until this workspace has downloads of its own to go by."""
NARROW = 95

State = Callable[[Video], tuple[str, str] | None]
"""What a running job says of a row: the name of a mark (tui/marks.py) and words; None if nothing."""


@dataclass
class Totals:
    """Counts and sums over the recordings; lengths in ms."""

    count: int = 0
    ms: int = 0
    free: int = 0
    own: int = 0
    here: int = 0
    measured_ms: int = 0
    measured_bytes: int = 0
    chosen: int = 0
    chosen_ms: int = 0
    unasked: int = 0

    def add(self, video: Video, sign: int = 1) -> None:
        """Count one recording in; sign -1: take it out again."""
        length = (video.duration_ms or 0) * sign
        self.count += sign
        self.ms += length
        self.free += sign * (video.licence == "cc-by")
        self.own += sign * (video.licence == "own")
        self.unasked += sign * is_due(video)
        if video.state == "fetched":
            self.here += sign
            if video.bytes and video.duration_ms:
                self.measured_ms += length
                self.measured_bytes += sign * video.bytes
        elif video.selected and not is_permanent(video.error):
            self.chosen += sign
            self.chosen_ms += length

    @property
    def chosen_bytes(self) -> float:
        """About how much the chosen ones are, going by what is here."""
        rate = self.measured_bytes / self.measured_ms if self.measured_ms else BYTES_A_MS
        return self.chosen_ms * rate

    def heading(self) -> str:
        if not self.count:
            return ""
        # A feed may tell no length of anything: that is not a length of nothing.
        length = [marks.total_length(self.ms)] if self.ms else []
        free = [f"{number(self.free)} CC BY"] if self.own < self.count else []
        return ", ".join([videos(self.count), *length, *free])


def number(count: int) -> str:
    """`1 900`: digits in threes."""
    return f"{count:,}".replace(",", " ")


def videos(count: int) -> str:
    return f"{number(count)} video{'s' * (count != 1)}"


def obtainable(found: Iterable[Video]) -> list[Video]:
    """Without what is still on the air, or to come, and what is private or gone: by its own row only that is chosen."""
    return [
        video
        for video in found
        if video.state == "fetched" or not (video.live_status in LIVE or is_permanent(video.error))
    ]


def _order(video: Video) -> tuple[int, int]:
    return video.source or 0, video.position


class VideoIndex:
    """Every recording, in the order of the sources and of their lists."""

    def __init__(self, found: Iterable[Video] = ()) -> None:
        self.totals = Totals()
        self._videos: dict[str, Video] = {}
        self._order: list[tuple[int, int]] = []
        self.ids: list[str] = []
        for video in found:
            self._videos[video.id] = video
            self._order.append(_order(video))
            self.ids.append(video.id)
            self.totals.add(video)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id: str) -> bool:
        return id in self._videos

    def get(self, id: str) -> Video | None:
        return self._videos.get(id)

    def all(self) -> list[Video]:
        return [self._videos[id] for id in self.ids]

    def put(self, video: Video) -> bool:
        """Take over a recording as it is now. True if it was not there before."""
        before = self._videos.get(video.id)
        self._videos[video.id] = video
        self.totals.add(video)
        if before is not None:
            self.totals.add(before, -1)
            return False
        place = bisect.bisect_right(self._order, _order(video))
        self._order.insert(place, _order(video))
        self.ids.insert(place, video.id)
        return True

    def select(self, id: str, value: bool) -> None:
        video = self._videos.get(id)
        if video is not None:
            self.put(replace(video, selected=value))


class VideoRows:
    """The table's rows (a RowSource), changed in place. matched: the ids a filter found, None for no filter."""

    def __init__(self, index: VideoIndex, state: State = lambda _: None) -> None:
        self.index = index
        self.state = state
        self.captions: Mapping[str, dict[str, str] | None] = {}
        """By id, where captions were asked for: why there are none, None where they are here."""
        self.ascii = self.narrow = False
        self.range: tuple[int, int] | None = None
        """First and last row of the range that is being chosen."""
        self.matched: set[str] | None = None
        self.ids: list[str] = []
        self._places: dict[str, int] = {}
        self.arrange()

    def arrange(self) -> None:
        """Rows came or went, or the filter is another."""
        matched = self.matched
        self.ids = list(self.index.ids) if matched is None else [id for id in self.index.ids if id in matched]
        self._places = {id: place for place, id in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def key(self, index: int, /) -> str:
        return self.ids[index]

    def index_of(self, key: str, /) -> int | None:
        return self._places.get(key)

    def videos(self) -> list[Video]:
        return [video for id in self.ids if (video := self.index.get(id)) is not None]

    def between(self, first: int, last: int) -> list[Video]:
        return [video for id in self.ids[first : last + 1] if (video := self.index.get(id)) is not None]

    def cells(self, index: int, /) -> list[str | Text]:
        video = self.index.get(self.ids[index])
        assert video is not None, "a row that is shown is in the index"
        inside = self.range is not None and self.range[0] <= index <= self.range[1]
        chosen = marks.mark("ok" if video.selected else "not", self.ascii)
        unknown = marks.mark("unknown", self.ascii)
        moving = self.state(video)
        if moving is not None and self.narrow:
            # The share and the speed; how long it still takes does not fit beside them.
            moving = moving[0], "  ".join(moving[1].split("  ")[:2])
        row: list[str | Text] = [
            Text(chosen, "reverse") if inside else chosen,
            video.title or video.id,
            unknown if video.duration_ms is None else marks.length(video.duration_ms),
            date(video.upload_date) or unknown,
            self._licence(video),
            self._captions(video),
            state_of(video, moving, self.ascii),
        ]
        if video.live_status in LIVE and video.state != "fetched":
            # Nothing to be had yet: the row steps back, its mark and its state do not.
            row[1:6] = [Text(str(cell), "dim") for cell in row[1:6]]
        return row

    def has_captions(self, id: str) -> bool:
        return id in self.captions and self.captions[id] is None

    def _captions(self, video: Video) -> Text:
        """What is offered; a ✓ where they are here, a ! where fetching them failed and may yet succeed."""
        text = offered(video)
        if self.has_captions(video.id):
            return self._marked("done", text)
        if (self.captions.get(video.id) or {}).get("retry", "never") != "never":
            return self._marked("look", text)
        return text if text.plain else Text(marks.mark("unknown", self.ascii), "dim")

    def _marked(self, name: str, text: Text) -> Text:
        return Text().append(f"{marks.mark(name, self.ascii)} ", marks.style(name)).append_text(text)

    def _licence(self, video: Video) -> str:
        text = (SHORT_LICENCES if self.narrow else LICENCES).get(video.licence, video.licence)
        if not self.ascii:
            return text
        return {"©": "(c", "–": "-"}.get(text, text)


def columns(narrow: bool) -> list[Column]:
    """Columns drop in this order: date, captions, licence; the licence's word goes before any of them."""
    return [
        Column("mark", "", 1),
        Column("title", "title", None, least=24),
        Column("length", "length", 8, "right"),
        Column("date", "date", 10, drop=1),
        Column("licence", "" if narrow else "licence", 2 if narrow else 8, drop=3),
        Column("captions", "captions", 8 if narrow else 12, drop=2),
        Column("state", "state", 16 if narrow else 22),
    ]


def date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def offered(video: Video) -> Text:
    """Languages of the captions, people's first."""
    # "und": a file that names no language, as `talk.srt` does.
    made = ["yes" if code == "und" else code for code in video.captions if not code.endswith(":auto")]
    heard = [code.removesuffix(":auto") for code in video.captions if code.endswith(":auto")]
    text = Text(",".join(made))
    if heard:
        text.append(f"{' ' if made else ''}{','.join(heard)} auto", "dim")
    return text


def state_of(video: Video, moving: tuple[str, str] | None, ascii_only: bool) -> Text:
    """What a job does with it now, else what has become of it."""
    if moving is not None:
        name, word = moving
    elif video.state == "fetched":
        name, word = "done", marks.megabytes(video.bytes)
    elif video.state == "failed":
        name, word = "failed", (video.error or {}).get("kind") or "failed"
    elif video.live_status in LIVE:
        name, word = "unknown", LIVE[video.live_status]
    else:
        name, word = "unknown", "not here"
    return Text(f"{marks.mark(name, ascii_only)} {cells.harmless(word)}", marks.style(name))
