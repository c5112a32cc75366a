"""The models picker: what is here, choosing, and real downloads of a toy from a hub on loopback."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.cli import AppOptions
from core.config import set_value
from core.errors import UserError
from core.events import Outcome
from core.models.listing import ModelRow
from core.workspace import Workspace
from tests.core.model_kit import ID, Place, isolate, place
from tests.core.whisper_kit import toy_copy
from tests.fakes.hub import PIECE
from tests.tui.fake_job import FakeJob
from tests.tui.wait import screen_lines, screen_text, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.screens.models.rows import ModelEntry, languages_text, memory_text, roles_text
from tui.screens.models.screen import ModelsScreen
from tui.screens.setup.screen import SetupScreen
from tui.widgets.dialog import Choice, TextPrompt

__all__ = ["place"]

TINY = "openai/whisper-tiny"
DEFAULT = "ADT109119/whisper-small-zh-TW"
STARTS_S = 60.0
"""For a process that has to start first, on a busy machine."""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    from core import workspace as workspaces

    isolate(monkeypatch, tmp_path / "hf")
    return workspaces.create(tmp_path / "w")


def open_app(workspace: Workspace, *, ascii: bool = False) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(ascii=ascii), start="setup")


async def to_models(app: WhispersmithApp, pilot) -> ModelsScreen:
    await wait_until(pilot, lambda: isinstance(app.screen, SetupScreen))
    await pilot.press("m")
    await wait_until(pilot, lambda: isinstance(app.screen, ModelsScreen) and TINY in app.screen._entries)
    assert isinstance(app.screen, ModelsScreen)
    return app.screen


def row(app: WhispersmithApp, name: str) -> str:
    return next((line for line in screen_lines(app)[4:] if name in line), "")


def about(app: WhispersmithApp) -> str:
    """What is told below the table, as one line."""
    lines = screen_lines(app)
    last = max(i for i, line in enumerate(lines) if "whisper-tiny" in line and "GB" in line)
    return " ".join(" ".join(lines[last + 1 : -1]).split())


async def choose_other(app: WhispersmithApp, pilot, text: str, role: str = "e") -> None:
    await pilot.press("plus")
    await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
    await pilot.press(*("full_stop" if c == "." else "slash" if c == "/" else c for c in text), "enter")
    await wait_until(pilot, lambda: isinstance(app.screen, Choice))
    await pilot.press(role)
    await wait_until(pilot, lambda: isinstance(app.screen, ModelsScreen))


@pytest.mark.parametrize(("size", "ascii"), [((80, 24), False), ((80, 24), True), ((140, 45), False)])
async def test_what_there_is_with_sizes_memory_and_what_it_is_for(
    workspace: Workspace, size: tuple[int, int], ascii: bool
):
    app = open_app(workspace, ascii=ascii)
    async with app.run_test(size=size) as pilot:
        await to_models(app, pilot)
        await wait_until(pilot, lambda: "both" in row(app, DEFAULT))
        assert f"{'.' if ascii else '·'} not here" in row(app, DEFAULT)
        assert "971 MB" in row(app, DEFAULT)
        assert "4.6/10.8 GB" in row(app, DEFAULT)
        assert "MediaTek-Research/Breeze-ASR-25 " in row(app, "Breeze")
        await wait_until(pilot, lambda: "tuned for zh" in about(app))
        assert "4.6 GB to label, 10.8 GB to train" in about(app)
        assert "enter fetches it, about 971 MB" in about(app)
        assert ("languages" in screen_lines(app)[3]) == (size[0] > 100)
        await pilot.press("j")
        await wait_until(pilot, lambda: "Taiwanese Mandarin" in about(app))
        await pilot.press("G")
        await wait_until(pilot, lambda: "to try things out" in about(app))
        await pilot.resize_terminal(100, 30)
        await wait_until(pilot, lambda: "to try things out" in about(app) and app.size.width == 100)
        await wait_until(pilot, lambda: wrong_widths(app) == [])  # drawn anew a moment after it has its size


async def test_keys_that_make_no_sense_here_say_so_and_q_and_escape_go_back(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await to_models(app, pilot)
        await pilot.press("z", "0", "x")
        await wait_until(pilot, lambda: "Nothing is being downloaded" in screen_text(app))
        await pilot.press("c")
        await wait_until(pilot, lambda: "nothing to copy" in screen_text(app))
        await pilot.press("plus", "enter")
        await wait_until(pilot, lambda: "an id or a folder is needed" in screen_text(app))
        await pilot.press("escape", "question_mark")
        await wait_until(pilot, lambda: "The labeller: what writes" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await to_models(app, pilot)
        await pilot.press("q")
        await wait_until(pilot, lambda: isinstance(app.screen, SetupScreen))
        assert not list(workspace.jobs.glob("*-model-*"))


async def test_another_id_is_fetched_from_the_hub_and_chosen(place: Place):
    place.repository.hold_at = place.size // PIECE // 2 * PIECE
    app = open_app(place.workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await to_models(app, pilot)
        await choose_other(app, pilot, f"https://huggingface.co/{ID}")
        # The cursor goes to what was asked for, and the row tells how far it is.
        await wait_until(pilot, lambda: "x stop" in about(app), STARTS_S)
        assert "▸ ●" in row(app, ID)
        assert "● model" in screen_lines(app)[0]
        place.repository.held.set()
        await wait_until(pilot, lambda: "✓ here" in row(app, ID) and "both" in row(app, ID), STARTS_S)
        config = place.workspace.config()
        assert (config.model.base, config.model.labeller) == (ID, ID)
        app.clear_notifications()  # they lie over it
        await wait_until(pilot, lambda: "hears 2 s at once" in about(app))
        await wait_until(pilot, lambda: "/hf/hub/models--someone--toy/" in about(app).replace(" ", ""))
        # What is here is chosen at once, without a job.
        jobs = list(place.workspace.jobs.glob("*-model-*"))
        assert len(jobs) == 1
        place.workspace.config_path.write_text(place.settings)
        await pilot.press("l")
        await wait_until(pilot, lambda: "labeller" in row(app, ID))
        told = f"{ID} is now the labeller (was {DEFAULT})"
        await wait_until(pilot, lambda: any(toast.message == told for toast in app._notifications))
        assert place.workspace.config().model.base == DEFAULT
        await pilot.press("b")
        await wait_until(pilot, lambda: "both" in row(app, ID))
        assert list(place.workspace.jobs.glob("*-model-*")) == jobs


async def test_x_stops_a_download_and_enter_goes_on_where_it_was(place: Place):
    place.repository.hold_at = place.size // PIECE // 2 * PIECE
    app = open_app(place.workspace)
    async with app.run_test(size=(140, 45), notifications=True) as pilot:
        screen = await to_models(app, pilot)
        await choose_other(app, pilot, ID, "b")
        await wait_until(pilot, lambda: place.partial.exists() and place.partial.stat().st_size > 0, STARTS_S)
        await wait_until(pilot, lambda: "x stop" in about(app), STARTS_S)
        await pilot.press("x")
        await wait_until(pilot, lambda: not screen._jobs, STARTS_S)
        assert place.unchanged()
        place.repository.held.set()
        place.repository.hold_at = None
        await choose_other(app, pilot, ID, "b")
        await wait_until(pilot, lambda: "✓ here" in row(app, ID) and "base" in row(app, ID), STARTS_S)
        assert place.sent()[-1][0] > 0
        assert place.workspace.config().model.labeller == DEFAULT


async def test_gated_and_misspelt_say_what_why_and_fix_at_their_row(place: Place):
    place.repository.gated = True
    app = open_app(place.workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await to_models(app, pilot)
        await choose_other(app, pilot, ID)
        await wait_until(pilot, lambda: "✗ failed" in row(app, ID), STARTS_S)
        await wait_until(pilot, lambda: "✗ someone/toy is gated" in about(app))
        assert "why its owner asks for an agreement first" in about(app)
        assert "then: hf auth login" in about(app)
        await choose_other(app, pilot, "openai/whisper-smal")
        await wait_until(pilot, lambda: "✗ failed" in row(app, "openai/whisper-smal "), STARTS_S)
        await wait_until(pilot, lambda: "fix whispersmith model openai/whisper-small" in about(app))
        await pilot.press("c")
        await wait_until(pilot, lambda: app.clipboard == "whispersmith model openai/whisper-small")
        assert (place.workspace.logs / "clipboard.txt").read_text() == app.clipboard + "\n"
        # The other error still stands where it happened, beneath what was told of this one.
        app.clear_notifications()
        await pilot.press("k")
        await wait_until(pilot, lambda: "is gated" in about(app))
        assert place.unchanged()
        assert wrong_widths(app) == []


async def test_a_folder_works_the_same_and_a_broken_one_says_what_is_wrong(workspace: Workspace, tmp_path: Path):
    toy_copy(workspace.root / "mine", 2.0)
    shutil.copytree(workspace.root / "mine", workspace.models / "tuned-1")
    torn = workspace.root / "torn"
    shutil.copytree(workspace.root / "mine", torn)
    (torn / "model.safetensors").write_bytes(b"")
    set_value(workspace.config_path, "model", "labeller", "torn")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await to_models(app, pilot)
        assert "✗ broken" in row(app, " torn ")
        assert screen.table.go_to_key("torn")
        await wait_until(pilot, lambda: "✗ torn" in about(app) and "fix" in about(app))
        await choose_other(app, pilot, "./mine")
        await wait_until(pilot, lambda: "✓ here" in row(app, " mine ") and "both" in row(app, " mine "), STARTS_S)
        await wait_until(pilot, lambda: "a folder" in about(app))
        assert "tuned" in row(app, "models/tuned-1")
        assert screen.table.go_to_key("models/tuned-1")
        await pilot.press("b")
        await wait_until(pilot, lambda: "base" in row(app, "models/tuned-1"))
        assert workspace.config().model.base == "models/tuned-1"
        # It breaks after the list was read: choosing it says so at its row, and changes nothing.
        (workspace.models / "tuned-1" / "model.safetensors").write_bytes(b"")
        await pilot.press("l")
        await wait_until(pilot, lambda: "✗ failed" in row(app, "models/tuned-1"))
        assert workspace.config().model.labeller == "mine"


async def test_how_far_a_download_is_stands_at_its_row_and_in_the_status_line(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await to_models(app, pilot)
        job = FakeJob(workspace, "model", {"id": TINY, "role": "base"})
        job.progress(400_000_000, 967_000_000, "B", "400.0 MB of 967.0 MB, 1.8 MB/s", all_eta=134)
        await wait_until(pilot, lambda: "● 41%" in row(app, TINY))
        assert screen.table.go_to_key(TINY)
        await wait_until(pilot, lambda: "● 400.0 MB of 967.0 MB, 1.8 MB/s, 02:14 left x stop" in about(app))
        await wait_until(pilot, lambda: "● model  41%  400.0 MB of 967.0 MB, 1.8 MB/s" in screen_lines(app)[0])
        await pilot.press("enter")
        await wait_until(pilot, lambda: "is on its way" in screen_text(app))
        await pilot.press("x")
        await wait_until(pilot, lambda: job.asked_to_stop)
        # Seen from elsewhere, a failure is told by a toast.
        assert screen.table.go_to_key(DEFAULT)
        app.clear_notifications()  # they lie over its row
        await pilot.pause()
        job.finish(Outcome.FAILED, UserError("the disk is full", "no room", "delete something"))
        await wait_until(pilot, lambda: "✗ failed" in row(app, TINY) and "the disk is full" in screen_text(app))


def model(**changes: object) -> ModelRow:
    values: dict[str, object] = {
        "id": "a/b",
        "roles": (),
        "kind": "hub",
        "here": False,
        "suggested": False,
        "note": "",
        "bytes": None,
        "partial_bytes": 0,
        "path": None,
        "parameters": None,
        "download_bytes": None,
        "memory_label_bytes": None,
        "memory_train_bytes": None,
        "languages": (),
        "tuned_for": (),
        "window_s": None,
        "last_used": None,
        "error": None,
    }
    return ModelRow(**(values | changes))  # type: ignore[arg-type]


ERROR = {"what": "a/b is torn", "why": "a file is short", "fix": "again", "detail": ""}


@pytest.mark.parametrize(
    ("changes", "state", "ascii"),
    [
        ({"here": True}, "✓ here", "+ here"),
        ({}, "· not here", ". not here"),
        ({"partial_bytes": 5}, "◐ partial", "% partial"),
        ({"path": "/x", "error": ERROR}, "✗ broken", "x broken"),
        ({"roles": ("base",), "error": ERROR}, "· not here", ". not here"),
    ],
)
def test_a_state_is_a_sign_and_a_word(changes: dict[str, object], state: str, ascii: str):
    entry = ModelEntry("a/b", model(**changes))
    assert [str(entry.cells(plain)[0]) for plain in (False, True)] == [state, ascii]


def test_a_model_of_which_little_is_known_shows_dashes_and_no_none():
    entry = ModelEntry("a/b", model(partial_bytes=5_000_000))
    assert [str(cell) for cell in entry.cells(False)] == ["◐ partial", "", "a/b", "–", "–", ""]
    assert [line.plain for line in entry.about("zh", False)] == ["a/b", "5.0 MB are here; enter fetches the rest"]
    assert [line.plain for line in ModelEntry("a/c", None).about("zh", False)] == ["a/c"]


def test_a_model_that_does_not_know_the_language_says_so():
    text = "\n".join(line.plain for line in ModelEntry("a/b", model(languages=("en", "de"))).about("zh", False))
    assert "knows en, de" in text
    assert "does not know zh" in text
    assert languages_text(("zh",) * 99) == "99 languages"


def test_roles_and_memory_as_words():
    assert [roles_text(roles) for roles in ((), ("base",), ("labeller", "tuned"), ("base", "labeller"))] == [
        "",
        "base",
        "labeller",
        "both",
    ]
    assert memory_text(model(memory_label_bytes=2**31)) == "2.0/– GB"
