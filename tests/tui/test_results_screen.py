"""The results screen on real stores: figures, differences, and the jobs it starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.cli import AppOptions
from core.events import Finished, Outcome, TranscribedWindow
from core.jobs import list_jobs
from core.store import EvaluationRow, Segment, Store, Video
from core.timed_text import Cue
from core.training.weight_trials import FILE, Weights, WeightTrial
from core.workspace import Workspace, create
from tests.tui.fake_job import FakeJob
from tests.tui.wait import hidden_characters, screen_lines, screen_text, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.screens.results.dialogs import Differences, Transcription
from tui.screens.results.figures import points, weights_line
from tui.screens.results.screen import ResultsScreen, TranscribeResult, save_text
from tui.widgets.dialog import TextPrompt

RESULT: dict[str, Any] = {
    "segments": 2,
    "characters": 1240,
    "leak": 0,
    "empty_references": 0,
    "models": {
        "base": {
            "name": "toy",
            "cer": 0.186,
            "cer_low": 0.157,
            "cer_high": 0.215,
            "substitutions": 148,
            "deletions": 64,
            "insertions": 18,
            "loops": 1,
            "empty": 0,
        },
        "tuned": {
            "name": "run-03",
            "cer": 0.113,
            "cer_low": 0.091,
            "cer_high": 0.135,
            "substitutions": 88,
            "deletions": 41,
            "insertions": 11,
            "loops": 0,
            "empty": 0,
        },
    },
}
ROWS = [
    EvaluationRow("talk_480_490", "它的筋吃起來很軟", "嗯嗯嗯[bold]嗯\x1b[31m", "它的金吃起來很軟", 8, 1, 8),
    EvaluationRow("talk_192_202", "是我喜歡的口感", "是我喜歡的口感", "是我喜歡口感", 0, 1, 7),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        store.videos.add(Video("talk", title="talk", state="fetched", path="media/talk.wav", duration_ms=500_000))
        for row in ROWS:
            _, start, end = row.segment.split("_")
            store.segments.add([Segment(row.segment, "talk", int(start) * 1000, int(end) * 1000, f"{row.segment}.wav")])
    return workspace


@pytest.fixture
def measured(workspace: Workspace) -> Workspace:
    with Store(workspace.db_path) as store:
        store.evaluations.add("run-03", RESULT, ROWS)
    return workspace


def open_app(workspace: Workspace) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(), start="results")


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_base_stands_beside_tuned_with_what_it_was_measured_on(measured: Workspace, size: tuple[int, int]):
    tried = (WeightTrial("1", 0.24), WeightTrial("0.7", 0.225, 0.11), WeightTrial("0.5", None))
    (measured.models / "run-03").mkdir(parents=True)
    (measured.models / "run-03" / FILE).write_text(json.dumps(Weights("0.7", 0.225, tried, 0.108).as_json()))
    app = open_app(measured)
    async with app.run_test(size=size) as pilot:
        await wait_until(
            pilot,
            lambda: "2 test segments, 1 240 characters, leak 0" in screen_text(app) and "run-03" in screen_text(app),
        )
        text = screen_text(app)
        for part in ("base", "run-03", "difference", "18.6 % (15.7–21.5)", "11.3 % (9.1–13.5)", "–7.3 points"):
            assert part in text
        assert "148 / 64 / 18" in text
        assert "kept 0.3 base + 0.7 tuned   on validation: tuned alone 24.0 %, 0.7 22.5 %" in text
        line = weights_line(Weights("0.7", 0.225, tried, 0.108), True)
        assert line.isascii()
        assert "0.7 22.5 %   general set" in line
        usual = weights_line(Weights("0.7", None, ()), False)
        assert usual == "kept 0.3 base + 0.7 tuned, as usual without a validation block"
        assert ("general set 10.8 %, now 11.0 %" in text) == (size[0] > 100)
        assert "1, 0" in text
        # Paired: of two segments with -7 and +1 errors in 8 and 7 characters each may be all that is drawn.
        assert "–40.0 points (95 %: –87.5 to +14.3), may be chance" in text
        bars = [line for line in screen_lines(app) if "├" in line and "╂" in line]
        if size[0] > 100:
            assert [line.split()[0] for line in bars] == ["base", "run-03"]
            # On an axis from 0 to 22 %, in a tenth of a percent.
            axis = next(line for line in screen_lines(app) if line.lstrip().startswith("0 %"))
            zero, twenty = axis.index("0 %"), axis.index("20")
            for line, rate in zip(bars, (18.6, 11.3), strict=True):
                assert abs((line.index("╂") - zero) / (twenty - zero) * 20 - rate) < 0.6
            assert "gain of each segment █ ▂ lost" in text
        else:
            assert bars == []
        # The largest change first, in the sense it went.
        lines = screen_lines(app)
        first = next(line for line in lines if "8:00" in line)
        assert "–87.5 pt" in first
        assert "它的筋" in first
        assert "+14.3 pt" in next(line for line in lines if "3:12" in line)
        assert wrong_widths(app) == []
        assert hidden_characters(app) == []
        assert "? help" in lines[-1]
        await pilot.press("enter")
        await wait_until(
            pilot, lambda: isinstance(app.screen, Differences) and "它的[金]吃起來很軟" in screen_text(app)
        )
        assert "它的[筋]吃起來很軟" in screen_text(app)
        assert "bold" in screen_text(app)
        assert wrong_widths(app) == []
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, ResultsScreen))


async def test_a_leak_is_told_with_what_it_means(workspace: Workspace):
    with Store(workspace.db_path) as store:
        store.evaluations.add("run-03", RESULT | {"leak": 1}, ROWS)
    app = open_app(workspace)
    async with app.run_test(size=(140, 45)) as pilot:
        await wait_until(
            pilot, lambda: "leak 1 (these share audio with training: the figures flatter)" in screen_text(app)
        )


async def test_what_is_at_work_already_is_not_asked_for(workspace: Workspace):
    job = FakeJob(workspace, "segment")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "Next: 3 Segments: cutting is at work" in screen_text(app))
        job.finish()
        await wait_until(pilot, lambda: "Next: 3 Segments: cut the recordings (enter)" in screen_text(app))


async def test_before_an_evaluation_the_next_key_is_named(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "Nothing has been measured yet" in screen_text(app))
        await wait_until(pilot, lambda: "Next: " in screen_text(app))
        model = workspace.models / "run-01"
        model.mkdir()
        (model / "config.json").write_text("{}")
        app.recount()
        await pilot.press("enter")
        await wait_until(pilot, lambda: "Next: v measures run-01" in screen_text(app))
        await pilot.press("x")
        await wait_until(pilot, lambda: "Nothing is being measured" in screen_text(app))
        assert wrong_widths(app) == []


async def test_an_evaluation_appears_when_its_job_ends(workspace: Workspace):
    job = FakeJob(workspace, "evaluate")
    job.progress(done=3, total=12, unit="segments", note="toy")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "● measuring  25%" in screen_text(app))
        with Store(workspace.db_path) as store:
            store.evaluations.add("run-03", RESULT, ROWS)
        job.finish()
        await wait_until(pilot, lambda: "–7.3 points" in screen_text(app) and "measuring" not in screen_text(app))


async def test_while_it_measures_it_says_what_and_an_export_that_ends_takes_nothing_away(workspace: Workspace):
    model = workspace.models / "run-01"
    model.mkdir()
    (model / "config.json").write_text("{}")
    measuring = FakeJob(workspace, "evaluate")
    measuring.progress(3, 12, "segments", "toy")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "run-01 is being measured beside its base model" in screen_text(app))
        await wait_until(pilot, lambda: "● measuring  25%" in screen_text(app))
        assert "Nothing has been measured" not in screen_text(app)
        await pilot.press("enter")
        await wait_until(pilot, lambda: "model: wait for" in screen_text(app))
        app.clear_notifications()  # this one lies over what follows
        export = FakeJob(workspace, "export")
        await wait_until(pilot, lambda: "+1   x cancel" in screen_text(app))
        assert "● measuring  25%" in screen_text(app)
        export.finish()
        await wait_until(pilot, lambda: len(app.live) == 1 and "+1" not in screen_text(app))
        assert "● measuring  25%" in screen_text(app)
        await pilot.press("x")
        await wait_until(pilot, lambda: measuring.asked_to_stop)
        measuring.finish(Outcome.CANCELLED)
        await wait_until(pilot, lambda: "Nothing has been measured yet" in screen_text(app))
        await wait_until(pilot, lambda: "● measuring" not in screen_text(app))


async def test_figures_that_come_while_another_screen_is_seen_fit_when_they_are_looked_at(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "Nothing has been measured yet" in screen_text(app))
        await pilot.press("3")
        await pilot.resize_terminal(140, 45)
        with Store(workspace.db_path) as store:
            store.evaluations.add("run-03", RESULT, ROWS)
        results = next(screen for screen in app._pipeline_screens() if isinstance(screen, ResultsScreen))
        FakeJob(workspace, "evaluate").finish()
        await wait_until(pilot, lambda: results._evaluation is not None)
        await pilot.resize_terminal(80, 24)
        await pilot.press("6")
        await wait_until(pilot, lambda: "18.6 % (15.7–21.5)" in screen_text(app))
        (line,) = (line for line in screen_lines(app) if "18.6 % (15.7–21.5)" in line)
        assert "–7.3 points" in line


async def test_v_without_anything_to_measure_says_what_to_do_in_place(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "Nothing has been measured yet" in screen_text(app))
        await pilot.press("v")
        await wait_until(pilot, lambda: "✗ there is no tuned model yet" in screen_text(app), timeout=60)
        await wait_until(pilot, lambda: not app.live, timeout=60)
        assert "fix  whispersmith train   (5 Training, enter)" in screen_text(app)


async def test_a_transcribed_file_is_shown_and_saved_and_none_is_written_over(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    jobs: list[FakeJob] = []

    def start(self: ResultsScreen, stage: str, params: dict[str, Any] | None = None, then: Any = None) -> None:
        jobs.append(FakeJob(self.workspace, stage, params))

    monkeypatch.setattr(ResultsScreen, "start_job", start)
    (workspace.root / "other.wav").write_bytes(b"RIFF")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "Nothing has been measured yet" in screen_text(app))
        await pilot.press("t")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        await pilot.press(*"nosuch", "enter")
        await wait_until(pilot, lambda: "no file of that name" in screen_text(app))
        await pilot.press(*["backspace"] * 6, *"other.wav", "enter")
        await wait_until(pilot, lambda: len(jobs) == 1)
        jobs[0].emit(TranscribedWindow(start_ms=0, end_ms=30000, text="它的筋[b]"))
        jobs[0].progress(done=1, total=2, unit="ms")
        await wait_until(pilot, lambda: "它的筋[b]" in screen_text(app))
        windows = [
            {"start_ms": 0, "end_ms": 30000, "text": "它的筋[b]"},
            {"start_ms": 30000, "end_ms": 60000, "text": "軟"},
        ]
        result = {"text": "它的筋[b] 軟", "segments": windows, "model": "run-03", "file": "other.wav"}
        jobs[0].emit(Finished(Outcome.DONE, result))
        jobs[0].die()
        await wait_until(
            pilot,
            lambda: isinstance(app.screen, Transcription) and "saved as transcribed/other.txt" in screen_text(app),
        )
        assert "它的筋[b]" in screen_text(app)
        assert wrong_widths(app) == []
    saved = workspace.root / "transcribed" / "other.txt"
    assert saved.read_text(encoding="utf-8") == "它的筋[b]\n軟\n"
    again = save_text(workspace, workspace.root / "other.wav", TranscribeResult("m", (Cue(0, 1, "x"),)))
    assert again.name == "other-2.txt"
    assert saved.read_text(encoding="utf-8") == "它的筋[b]\n軟\n"


async def test_export_runs_and_says_where_it_went_or_why_not(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "Nothing has been measured yet" in screen_text(app))
        await pilot.press("E")
        await wait_until(pilot, lambda: "✗ there is nothing to export" in screen_text(app), timeout=60)
        assert [job.stage for job in list_jobs(workspace)] == ["export"]
        # It is told where it was asked for, and not also among the transcripts.
        await pilot.press("4", "6")
        await wait_until(pilot, lambda: app.current_mode == "results" and "Nothing has been" in screen_text(app))
        await pilot.press("E")
        await wait_until(pilot, lambda: len(list_jobs(workspace)) == 2 and not app.live, timeout=60)
        await wait_until(pilot, lambda: "✗ there is nothing to export" in screen_text(app))
        await pilot.press("4")
        await wait_until(pilot, lambda: app.current_mode == "transcripts" and app.screen.is_current)
        await pilot.pause()
        assert "nothing to export" not in screen_text(app)


def test_a_difference_has_its_sign():
    assert points(-0.073, False) == "–7.3"
    assert points(0.004, False) == "+0.4"
    assert points(0.0, True) == " 0.0"
    assert points(None, True) == "-"
