"""What the keys that cut have to do: from the recordings and the settings to a job, or a word on why not."""

from __future__ import annotations

from collections.abc import Sequence

from core.config import SegmentConfig, set_values
from core.segmentation.forecast import Forecast, Recording, free_bytes, is_cut_by, recordings, total
from core.segmentation.settings import cutter_of
from core.segmentation.texts import Texts
from core.stage import lookup
from core.store import Store, Video
from core.text import file_size, plural
from core.workspace import Workspace
from tui.bridge import JobBatch
from tui.effects import Effect, InThread, OpenDialog, Reload, StartJob, StopJob, Toast
from tui.screens.job_line import foremost
from tui.screens.segments.settings_dialog import CutSettings
from tui.widgets import dialog


def planned(video: Video, settings: SegmentConfig) -> Forecast:
    """What the settings give of a recording, as if nothing stayed of an earlier cut; what they gave if it is cut so."""
    cutter = cutter_of(settings)
    found = cutter.estimate(video.duration_ms or 0)
    least, most, ms = found
    if video.cut is not None and is_cut_by(video, cutter):
        least = most = video.cut.get("segments", least)
        ms = video.cut.get("sound_ms", ms)
    return Forecast(1, 0, least, most, ms)


def plan_text(video: Video, settings: SegmentConfig, ascii: bool) -> str:
    """`10 s / 2 s → 201 segments, 64 MB`; that it is not cut so comes first: where it is narrow the end goes."""
    cutter = cutter_of(settings)
    how = f"{settings.length_s:g} s / {settings.overlap_s:g} s"
    if settings.mode == "pauses":
        dash = "-" if ascii else "–"
        how = f"{settings.shortest_s:g}{dash}{settings.longest_s:g} s"
    if video.media_fault is not None:
        state = f"{video.media_fault['what']}  "
    elif is_cut_by(video, cutter):
        state = ""
    elif video.cut is not None:
        state = "cut otherwise  "
    else:
        state = "not cut yet  " if video.cutting is None else "not cut to the end  "
    found = planned(video, settings)
    return f"{state}{how} {'->' if ascii else '→'} {found.count}, {file_size(found.bytes)}"


class Cutting:
    """The keys `s`, `enter` and `x`."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self._workspace, self._store = workspace, store

    def change(self, videos: Sequence[Video], settings: SegmentConfig) -> list[Effect]:
        """Ask for other settings, and write them."""

        def ask(found: tuple[list[Recording], int]) -> list[Effect]:
            question = CutSettings(settings, *found)
            return [OpenDialog(question, lambda _: self._write(question.settings, settings))]

        return [InThread(lambda: self._read(videos), ask, "settings")]

    def _write(self, chosen: SegmentConfig, old: SegmentConfig) -> list[Effect]:
        """Only what is another: what the file does not mention stays what the program takes."""
        before, path = old.model_dump(), self._workspace.config_path
        values = {name: value for name, value in chosen.model_dump().items() if value != before[name]}
        if not values:
            return []
        return [InThread(lambda: set_values(path, "segment", values), lambda _: [Reload()], "settings")]

    def cut(self, videos: Sequence[Video], settings: SegmentConfig, live: Sequence[JobBatch]) -> list[Effect]:
        """Cut every recording that is not cut this way. live: the jobs of this screen."""
        if live:
            return [Toast("Recordings are being cut already; x cancels")]
        if not videos:
            return [Toast("There is no recording here yet; 2 Playlist brings some")]

        def ask(found: tuple[list[Recording], int]) -> list[Effect]:
            return self._ask_before_change(*found, settings)

        return [InThread(lambda: self._read(videos), ask, "forecast")]

    def _read(self, videos: Sequence[Video]) -> tuple[list[Recording], int]:
        return recordings(self._store, videos), free_bytes(self._workspace)

    def _ask_before_change(self, found: list[Recording], free: int, settings: SegmentConfig) -> list[Effect]:
        """Say what happens to what is there, where something does; nothing that a person gave goes either way."""
        cutter = cutter_of(settings)

        def due(texts: Texts) -> dict[str, Forecast]:
            each = {recording.video.id: recording.forecast(cutter, texts) for recording in found}
            return {id: one for id, one in each.items() if one.recordings}

        def start(texts: Texts) -> list[Effect]:
            return [StartJob("segment", {"ids": list(due(texts)), "settings": settings.model_dump(), "text": texts})]

        staying, moving = total(due("stays").values()), total(due("moves").values())
        if not staying.changes and not moving.changes:
            return start("stays") if staying.recordings else [Toast("Every recording is cut this way; s changes how")]
        leave, move = ("n", "leave them as they are"), ("m", "move their texts to the segments of the new cut")
        if staying.recordings:
            anew = plural(staying.recordings, "recording")
            said = [staying.yields(free), *staying.changes]
            choices = [("y", f"cut {anew} anew; what is reviewed stays as it is"), leave]
            if moving.move:
                said.append("Or: " + "; ".join(moving.kept_changes))
                choices.insert(1, move)
        else:
            # Nothing is due: so Enter changes nothing.
            said = [
                "Every recording is cut this way. What was reviewed in an earlier cut stays beside it.",
                "Or: " + "; ".join(moving.kept_changes),
            ]
            choices = [leave, move]
        answers: dict[str, Texts] = {"y": "stays", "m": "moves"}
        question = dialog.Choice("Cut anew?", "\n".join(said), choices)
        return [OpenDialog(question, lambda answer: start(answers[answer]) if answer in answers else [])]

    def stop(self, live: Sequence[JobBatch]) -> list[Effect]:
        job = foremost(live)
        if job is None:
            return [Toast("Nothing is being cut")]
        return [StopJob(job.folder), Toast(lookup(job.stage).stopping)]
