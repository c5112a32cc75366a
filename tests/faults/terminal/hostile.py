"""Strangers' text that would act on a terminal, and how to see that nothing of it does."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError
from core.events import Outcome
from core.store import Store, Video
from core.workspace import Workspace, create
from tests.core.store_kit import fill, machine
from tests.tui.fake_job import FakeJob

PARTS = (
    "\x1b]0;STOLEN\x07",
    "\x1b]2;STOLEN\x1b\\",
    "\x1b]52;c;U1RPTEVO\x07",
    "\x1b]8;;http://evil.example/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[?1049l\x1b[?25h\x1b[?1000h\x1b[2J\x1b[H\x1b[31;5m",
    "\x1bc\x1b(0\x1bP1$r\x1b\\\x1b_G\x1b\\",
    "\x9b31m\x9d0;STOLEN\x9c\x90q\x9c\x85",
    "\x00\x07\x08\x0b\x0c\x0e\x0f\x7f",
    "tab\tline\nreturn\rend",
    "\u202eright to left\u202c\u2066isolate\u2069\u200e\u200f\u061c",
    "zero\u200bwidth\u200d\u2060\ufeff\u00ad",
    "e" + "\u0301" * 60,
    "שלום עולם العربية",
    "漢字かな한글👩‍👩‍👧‍👦🏳️‍🌈🇹🇼ｗｉｄｅ",
    "[bold red]markup[/] [@click=app.quit]x[/]",
)

TEXT = "A" + "".join(PARTS) + "Z"


def acting(text: str) -> list[str]:
    """The characters of a text that act on a terminal; a newline ends a line, and is none."""
    wild = (*range(0x00, 0x0A), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    return sorted({ascii(char) for char in text if ord(char) in wild or char in "\u200b\u200e\u200f\u061c\ufeff"})


def hostile_workspace(folder: Path, text: str = TEXT) -> Workspace:
    """One whose titles, texts, models and errors are hostile. What a store takes in is cleaned where it comes from;
    here it is not, as by an earlier version or another program."""
    made = create(folder)
    error = {"what": text, "why": text, "fix": text, "detail": text, "kind": "x", "retry": "later"}
    with Store(made.db_path) as store:
        ids = fill(store, 2)
        lost = Video("lost", title=text, channel=text, url=f"https://host/{text}", state="failed", error=error)
        store.videos.add(lost)
        store.videos.update("talk", title=text)
        machine(store, *ids, text=text)
    job = FakeJob(made, "fetch")
    job.finish(Outcome.FAILED, error=UserError(text, text, text, text))
    (made.models / "tuned\x1b]0;STOLEN\x07\u202e").mkdir()
    return made
