"""What the playlist screen asks before work begins, and the words for how work ends. Dialogs and pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.errors import UserError
from core.stage import STAGES
from core.store import Source, Video
from tui.bridge import JobBatch
from tui.screens.pipeline import PipelineScreen
from tui.screens.playlist.queue import Block
from tui.widgets import cells, dialog

LISTS = frozenset(("playlist", "channel", "feed"))
"""Kinds of sources that are read page by page, and may be stopped half-way."""


def by_worth(live: Iterable[JobBatch]) -> list[JobBatch]:
    """What a person means who stops or holds something: what runs before what waits, then the later
    step of the work; what goes on quietly comes last."""
    order = list(reversed(STAGES))

    def worth(batch: JobBatch) -> tuple[bool, bool, int]:
        return batch.view.state == "waiting", STAGES[batch.stage].quiet, order.index(batch.stage)

    return sorted(live, key=worth)


# -- sources


def to_list_again(sources: Iterable[Source]) -> list[Source]:
    """Those of which reading them again may bring something new; first what has never been read to its end."""
    found = [s for s in sources if s.kind in LISTS or s.kind == "folder" or (s.kind == "video" and s.listed is None)]
    return sorted(found, key=lambda source: source.listed is not None or source.kind == "folder")


def stopped_short(sources: Iterable[Source]) -> list[Source]:
    """Lists that have never been read to their end."""
    return [source for source in sources if source.listed is None and source.kind in LISTS]


def which(stopped: Sequence[Source], of: int, more: str) -> str:
    """`list` where there is no other, its name where there are, `3 lists` for several."""
    if len(stopped) > 1:
        return f"{len(stopped)} lists"
    return "list" if of == 1 else cells.cut(cells.harmless(stopped[0].title or stopped[0].url), 20, more)


def sources_text(titles: Sequence[str]) -> str:
    """The one source by its name; of several how many, and the newest first."""
    if len(titles) == 1:
        return cells.cut(cells.harmless(titles[0]), 300)
    names = ", ".join(cells.cut(cells.harmless(title), 60) for title in reversed(titles[-20:]))
    return f"{len(titles)}: {names}" if titles else "none yet"


def add_prompt() -> dialog.TextPrompt:
    return dialog.TextPrompt(
        "Add a source",
        check=lambda text: None if text.strip() else "paste a link, or write a path",
        text="The link of a playlist, a channel, a video or a podcast feed; or the path of a file or a folder.",
        placeholder="https://www.youtube.com/playlist?list=...",
    )


# -- licences


def licence_question(wanted: Sequence[Video], unfree: Sequence[Video]) -> dialog.Choice:
    """Asked once a workspace. Answers: "y" all of them, "c" only the free ones."""
    unknown = sum(video.licence == "unknown" for video in unfree)
    said = f"; of {unknown} the licence is not known" if unknown else ""
    text = (
        f"{len(unfree)} of {len(wanted)} are not under a Creative Commons licence{said}. Whether you may use "
        "them is for you to know. A yes is remembered for this workspace, and not asked again: any_licence "
        "under [fetch] in whispersmith.toml."
    )
    choices = [("y", f"I may use them: download all {len(wanted)}")]
    if free := len(wanted) - len(unfree):
        choices.insert(0, ("c", "only the one that is free" if free == 1 else f"only the {free} that are free"))
    return dialog.Choice("Licence", text, choices)


# -- failures


def failure_of(video: Video, error: dict[str, str]) -> dialog.Message:
    """Why a recording, or its captions, could not be had, in plain words; the original ones behind a key."""
    told = UserError.from_dict(error)
    title = cells.cut(cells.harmless(video.title or video.id), 140)
    return dialog.Message(title, told.what or "It failed", told.why, told.fix, told.detail)


def trouble_of(batch: JobBatch, block: Block | None) -> UserError | None:
    """What stands under the rows after a job: why it failed or stopped early. A row's own failure stands in the row.

    block: what the site had said last, which a result has in one line only.
    """
    if batch.view.state == "cancelled":
        return None
    if batch.view.error:
        return UserError.from_dict(batch.view.error)
    if stopped := batch.view.result.get("stopped"):
        return UserError(block.what, block.why, block.fix) if block is not None else UserError(str(stopped))
    if batch.stage == "add":
        # A source that could not be listed has no row to say it in.
        errors = [event.data["error"] for event in batch.of("item") if event.data.get("error")]
        return UserError.from_dict(errors[0]) if errors else None
    return None


# -- captions


def ask_captions(screen: PipelineScreen, here: Sequence[Video]) -> None:
    """Fetch the captions of the recordings that are here; whether those of machines too is asked."""
    offered = [video for video in here if video.url]
    if screen.live_jobs("captions"):
        screen.toast("Captions are being fetched already; x cancels")
    elif not offered:
        screen.toast("No recording of a site is here yet; its captions come with the download")
    else:
        text = (
            "Captions are what label takes first. Those that people wrote come with each download; this asks for "
            "what is missing. What the site's own speech recognition heard is rough, but has times."
        )
        choices = [("p", "only what people wrote"), ("a", "also automatic recognition, where people wrote nothing")]
        question = dialog.Choice(f"Captions of {len(offered)} recordings", text, choices)
        screen.open_dialog(question, lambda answer: screen.start_job("captions", {"automatic": answer == "a"}))
