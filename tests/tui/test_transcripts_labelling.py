"""Labelling from the review: what it would cost is said before, who wrote a row, how a second labeller reads it."""

from __future__ import annotations

import json

import pytest

from core.config import set_value
from core.jobs import list_jobs
from core.labelling import forecast as labelling_forecast
from core.labelling.forecast import forecast, forecast_second, note_speed
from core.review.correction_time import USUAL, CorrectionTime
from core.review.differences import differences
from core.store import Store, TranscriptRow
from core.store.records import SecondReading
from core.store.transcripts import MachineText
from core.workspace import Workspace
from tests.tui.transcripts_kit import filled, open_app, segment, workspace
from tests.tui.wait import screen_text, wait_until
from tui.effects import InThread, OpenDialog, StartJob
from tui.screens.transcripts import actions
from tui.screens.transcripts.dialogs import round_choices
from tui.screens.transcripts.table import gain_order
from tui.screens.transcripts.table.index import GAIN, QueryResult, View
from tui.screens.transcripts.table.search import Search
from tui.widgets.dialog import Choice, TextPrompt

__all__ = ["workspace"]


def asked(workspace: Workspace) -> list[dict[str, object]]:
    """What the jobs were asked for."""
    return [json.loads((job.folder / "spec.json").read_text())["params"] for job in list_jobs(workspace)]


async def test_the_labeller_is_offered_with_what_it_costs(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store:
        note_speed(store, workspace.config().model.labeller, 0.05, 90)
        note_speed(store, workspace.config().model.labeller, 0.01, 12)  # of one window, with all that begins before it
        found = forecast(workspace, workspace.config(), store)
        assert (found.segments, found.recordings, found.sound_ms, found.seconds) == (2, 1, 18_000, 360.0)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await filled(pilot, app)
        await pilot.press("b")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        text = " ".join(screen_text(app).split())
        assert "write the texts of 2 segments" in text
        assert "hears 18 s of 1 recording: about 6 m" in text
        # Before anything is begun that cannot be.
        assert "1 Setup, then d" in text
        await pilot.press("n")
        await wait_until(pilot, lambda: not isinstance(app.screen, Choice))
        assert list_jobs(workspace) == []
        await pilot.press("b")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("y")
        await wait_until(pilot, lambda: asked(workspace) == [{}])


def test_what_was_labelled_one_by_one_is_offered_anew_and_nothing_else(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling_forecast, "_hears_recordings", lambda workspace, model: True)
    set_value(workspace.config_path, "model", "labeller", "toy")
    with Store(workspace.db_path) as store:
        store.transcripts.write_machine([MachineText(segment(0).id, "別人寫的", "別人寫的", "import:other.csv")])
        store.transcripts.save(segment(1).id, "人寫的")
        note_speed(store, "toy", 0.05, 90)
        (thread,) = actions.label(workspace, store, [])
        assert isinstance(thread, InThread)
        (question,) = thread.then(thread.work())
    assert isinstance(question, OpenDialog)
    assert isinstance(question.dialog, Choice)
    assert "4 texts were written one by one" in question.dialog._text
    assert "For that the labeller hears 34 s of 1 recording: about 11 m" in question.dialog._text
    alone = [segment(number).id for number in (2, 3, 4, 5)]
    assert question.answered("r") == [StartJob("label", {"ids": alone, "redo": True})]
    assert question.answered("y") == [StartJob("label", {})]
    assert question.answered("n") == []


async def test_a_second_opinion_is_asked_for_by_name(workspace: Workspace) -> None:
    (workspace.root / "texts.csv").write_text("file_name,transcription\n", encoding="utf-8")
    set_value(workspace.config_path, "labeller", "second", "texts.csv")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await filled(pilot, app)
        await pilot.press("O")
        await wait_until(pilot, lambda: "texts.csv is read beside what is here" in " ".join(screen_text(app).split()))
        await pilot.press("n")
        set_value(workspace.config_path, "labeller", "second", "")
        await wait_until(pilot, lambda: not isinstance(app.screen, Choice))
        await pilot.press("O")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        await pilot.press(*"nobody", "enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        text = " ".join(screen_text(app).split())
        assert "a second reading of 6 segments" in text
        assert "nobody hears 50 s of 1 recording" in text
        assert "not here: whispersmith model nobody" in text
        await pilot.press("y")
        await wait_until(pilot, lambda: asked(workspace) == [{"second": "nobody"}])


async def test_a_round_is_offered_once_something_is_accepted(workspace: Workspace) -> None:
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await filled(pilot, app)
        await pilot.press("T")
        await wait_until(pilot, lambda: "A round learns from what is accepted" in " ".join(screen_text(app).split()))
        await pilot.press("a")
        await wait_until(pilot, lambda: "1 of 8 reviewed" in screen_text(app))
        await pilot.press("T")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        text = " ".join(screen_text(app).split())
        assert "trained on 1 accepted text" in text
        assert "1 Setup, then d" in text
        assert "quick: trains the decoder alone" in text
        await pilot.press("l")
        await wait_until(pilot, lambda: [job.stage for job in list_jobs(workspace)] == ["round"])
        assert asked(workspace) == [{"method": "light"}]


@pytest.mark.parametrize(
    ("last", "answers"),
    [
        ({"step": "done"}, ["y quick", "l light", "n not"]),
        ({"step": "train", "method": "quick"}, ["y go on with the round that was stopped: quick", "l light", "n not"]),
        ({"step": "train", "method": "light"}, ["y go on with the round that was stopped: light", "n not"]),
        ({"step": "label", "method": "quick"}, ["y go on: its model writes", "n not"]),
    ],
    ids=str,
)
def test_a_round_that_was_stopped_is_what_goes_on(last: dict[str, str], answers: list[str]) -> None:
    offered = [f"{key} {said}" for key, said in round_choices(last)]
    assert all(said.startswith(answer) for said, answer in zip(offered, answers, strict=True))


async def test_who_wrote_a_row_and_that_another_reads_it_otherwise(workspace: Workspace) -> None:
    text, other = "大家好我是千千", "大家好我叫千千喔"
    reading = SecondReading(segment(0).id, "openai/whisper-base", text, other, tuple(differences(text, other)))
    with Store(workspace.db_path) as store:
        store.second_readings.put([reading])
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await filled(pilot, app)
        await wait_until(pilot, lambda: "by a machine (toy)" in screen_text(app))
        await wait_until(pilot, lambda: "read by whisper-base" in screen_text(app))
        await pilot.press("a", "up")
        await wait_until(pilot, lambda: "machine wrote 大家好" in screen_text(app))
        assert "whisper-base" not in screen_text(app)


def test_errors_a_minute_are_edits_over_this_persons_seconds() -> None:
    def row(number: int, length_s: int, suspicion: float | None) -> TranscriptRow:
        start = number * 20_000
        return TranscriptRow(1, start, start + length_s * 1000, str(number), "talk", "字", suspicion=suspicion)

    long, short, sure, unknown = row(0, 20, 0.6), row(1, 3, 0.5), row(2, 3, 0.01), row(3, 3, None)
    rows = [unknown, sure, short, long]

    def order(time: CorrectionTime) -> list[str]:
        search = Search(QueryResult(View(order=GAIN, time=time)), rows, None)
        search.run(lambda first: None)
        return [row.id for row in search.result.rows]

    # Somebody who listens to all of it gains more in the short row; who only types, in the one with more errors.
    assert order(CorrectionTime(1.0, 2.0, 0.1)) == ["1", "0", "2", "3"]
    assert order(CorrectionTime(8.0, 0.01, 0.1)) == ["0", "1", "2", "3"]
    assert View().next_order().next_order().order == GAIN


async def test_the_order_is_fitted_to_what_was_corrected(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gain_order, "REFIT", 2)
    with Store(workspace.db_path) as store:
        for number in range(4):
            store.transcripts.save(segment(number).id, f"人寫的{number}")
        with store.write() as db:
            db.execute("UPDATE edits SET at = 1000000 + 30000 * id")
        corrections = store.transcripts.corrections()
        assert [(one.seconds, one.length_s) for one in corrections] == [(30.0, 10.0)] * 3
        assert corrections[-1].edits == 7  # 今天要來吃到飽 -> 人寫的1
        # Many rows at once, and what takes them back, are no pace.
        store.transcripts.accept_all([segment(4).id])
        assert store.transcripts.corrections() == corrections
        store.transcripts.undo()
        assert store.transcripts.corrections() == corrections
        assert forecast_second(workspace, store, "nobody").segments == 2
    app = open_app(workspace)
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("o", "o")
        await wait_until(pilot, lambda: "most errors a minute first" in screen_text(app))
        view = screen._session.view
        assert view.time != USUAL
        assert view.time.seconds(10.0, 7.0) > USUAL.seconds(10.0, 7.0)
        # It goes on following the person, and nothing moves under the cursor for it.
        before = screen.table.cursor_key
        await pilot.press("a")
        await wait_until(pilot, lambda: screen.table.cursor_key != before and screen._gain_order._dealt_with == 1)
        assert screen._session.view == view
        await pilot.press("a")
        await wait_until(pilot, lambda: screen._session.view.time != view.time and screen.table.is_whole)
        assert screen._session.view.time.seconds(10.0, 0.0) < view.time.seconds(10.0, 0.0)
        assert [row.id for row in screen._session.result.rows].index(before or "") == 0
        assert (screen.table.row_count, screen.table.cursor) == (8, 2)
