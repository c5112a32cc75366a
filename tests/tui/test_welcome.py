"""The welcome screen: nothing is written before a choice, and each choice really does it."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from core.cli import AppOptions
from core.jobs import list_jobs
from core.store import Store
from core.workspace import Workspace, is_workspace
from tests.fakes.feed import Episode, FeedServer, make_audio
from tests.tui.wait import screen_text, toast_text, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.screens.welcome.screen import WelcomeScreen
from tui.widgets.dialog import Message, TextPrompt


def open_app(folder: Path) -> WhispersmithApp:
    return WhispersmithApp(None, AppOptions(), folder=folder)


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_four_choices_and_an_untouched_folder(tmp_path: Path, size: tuple[int, int]):
    app = open_app(tmp_path)
    async with app.run_test(size=size, notifications=True) as pilot:
        await wait_until(pilot, lambda: "An existing dataset" in screen_text(app))
        for text in ("The demo", "A YouTube link", "Audio files here", tmp_path.name):
            assert text in screen_text(app).replace("\n", "")
        for key in ("1", "2", "6", "question_mark", "escape", "down", "down", "enter", "escape"):
            await pilot.press(key)
            await pilot.pause()
        assert isinstance(app.screen, WelcomeScreen)
        # The keys of the steps say why they do nothing yet; pressed three times, once.
        await wait_until(pilot, lambda: "choose what to begin with" in toast_text(app))
        assert screen_text(app).count("The steps come once") == 1
        assert wrong_widths(app) == []
        # Nor does its help promise them.
        await pilot.press("question_mark")
        await wait_until(pilot, lambda: "Take over an existing dataset" in screen_text(app))
        assert "Setup: is everything here" not in screen_text(app)
        assert "More in README.md." in screen_text(app)
        await pilot.press("escape", "q")
        await wait_until(pilot, lambda: app._exit)
    assert list(tmp_path.iterdir()) == []


async def answer(pilot, app: WhispersmithApp, key: str, text: str) -> None:
    await wait_until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
    app.screen.query_one(Input).value = text
    await pilot.press("enter")


async def test_a_link_makes_the_workspace_and_lists_it(tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    with FeedServer(tmp_path / "site", [Episode("one", "first")]) as server:
        app = open_app(folder)
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            await answer(pilot, app, "y", "not a link")
            await wait_until(pilot, lambda: "a link begins with" in screen_text(app))
            app.screen.query_one(Input).value = server.feed_url
            await pilot.press("enter")
            await wait_until(pilot, lambda: app.current_mode == "playlist" and "first" in screen_text(app), timeout=60)
            await wait_until(pilot, lambda: not app.live, timeout=60)
    assert is_workspace(folder)


async def test_recordings_of_another_folder_are_taken_as_they_are(tmp_path: Path):
    folder, other = tmp_path / "mine", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    make_audio(other / "talk.m4a", 2)
    app = open_app(folder)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await answer(pilot, app, "f", "../nowhere")
        await wait_until(pilot, lambda: "no such file" in screen_text(app))
        app.screen.query_one(Input).value = "../other"
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.current_mode == "playlist" and "talk" in screen_text(app), timeout=60)
        await wait_until(pilot, lambda: not app.live, timeout=60)
    with Store(Workspace(folder).db_path) as store:
        assert [(video.licence, video.state) for video in store.videos.all()] == [("own", "fetched")]
    assert (other / "talk.m4a").is_file()


async def test_recordings_of_this_folder_become_its_workspace(tmp_path: Path):
    make_audio(tmp_path / "talk.m4a", 2)
    app = open_app(tmp_path)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("f")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        # The folder stands in the field already.
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.current_mode == "playlist" and "talk" in screen_text(app), timeout=60)
        await wait_until(pilot, lambda: not app.live, timeout=60)
    assert is_workspace(tmp_path)
    assert (tmp_path / "talk.m4a").is_file()


async def test_a_dataset_is_imported(tmp_path: Path):
    folder, data = tmp_path / "mine", tmp_path / "data"
    folder.mkdir()
    data.mkdir()
    make_audio(data / "a.wav", 2)
    (data / "metadata.csv").write_text("file_name,transcription\na.wav,大家好\n", encoding="utf-8")
    app = open_app(folder)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await answer(pilot, app, "i", str(data))
        await wait_until(pilot, lambda: app.current_mode == "transcripts", timeout=60)
        workspace = Workspace(folder)
        await wait_until(pilot, lambda: [job.state for job in list_jobs(workspace)] == ["done"], timeout=60)
    with Store(workspace.db_path) as store:
        assert [row.text for row in store.segments.all()] == ["大家好"]


async def test_a_folder_that_cannot_be_written_is_told_and_another_choice_can_be_made(tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    # A file where a folder of the workspace has to be: root may write into read-only folders.
    (folder / "media").write_text("")
    app = open_app(folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await answer(pilot, app, "y", "https://example.org/list")
        await wait_until(pilot, lambda: isinstance(app.screen, Message) and "cannot be written" in screen_text(app))
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await pilot.press("y")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
