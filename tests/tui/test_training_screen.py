"""The training screen: the plan on a real store, runs from event logs written by hand."""

from __future__ import annotations

import dataclasses
import json
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.widgets import Input, Static

from core import config as settings
from core import config_template
from core.cli import AppOptions
from core.dataset.lineage import MeasuredOn
from core.errors import UserError
from core.events import Evaluated, LogLine, Metric, Outcome, RunStarted, Sample, Saved
from core.gpu import Gpu
from core.jobs import attach, list_jobs
from core.store import Segment, Store, Video
from core.training.resume import StoppedRun
from core.workspace import Workspace, create
from tests.tui.fake_job import FakeJob
from tests.tui.wait import fits_at, hidden_characters, screen_lines, screen_text, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.bridge import history
from tui.screens.training import actions
from tui.screens.training.gpu_panel import GpuPanel
from tui.screens.training.plan import parsed, split_report
from tui.screens.training.run import TrainingRun, label_of, name_of
from tui.screens.training.run_panel import RunPanel
from tui.screens.training.screen import TrainingScreen
from tui.widgets.dialog import Choice, Message, TextPrompt
from tui.widgets.line_chart import LineChart
from tui.widgets.log_tail import LogTail

SIZES = [(80, 24), (140, 45)]


def put_model(folder: Path) -> None:
    """A Whisper's folder as far as a plan looks: its configuration, and weights with nothing in them."""
    folder.mkdir()
    config = {
        "model_type": "whisper",
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "num_mel_bins": 80,
        "vocab_size": 100,
        "max_source_positions": 500,
        "max_target_positions": 64,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 16000, "hop_length": 160}))
    header = b"{}"
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    for name in ("tokenizer.json", "generation_config.json"):
        (folder / name).write_text("{}")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Forty segments of two recordings, all accepted, none split."""
    workspace = create(tmp_path / "w", config_text=config_template.template("toy"))
    put_model(workspace.root / "toy")
    with Store(workspace.db_path) as store:
        for video, count in (("talk", 30), ("walk", 10)):
            store.videos.add(Video(video, title=video, state="fetched", path=f"media/{video}.wav", duration_ms=400_000))
            for number in range(count):
                start = number * 8
                id = f"{video}_{start}_{start + 10}"
                store.segments.add(
                    [Segment(id, video, start * 1000, (start + 10) * 1000, f"segments/{video}/{id}.wav")]
                )
                store.transcripts.save(id, f"第{number}句")
    return workspace


def open_app(workspace: Workspace) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(), start="training")


def screen_of(app: WhispersmithApp) -> TrainingScreen:
    assert isinstance(app.screen, TrainingScreen)
    return app.screen


def write_run(job: FakeJob, steps: int = 30, name: str = "run-03") -> None:
    """A run's log up to `steps` of 55."""
    job.emit(LogLine(text=f"{name}: 55 steps on 145 segments, cuda"))
    job.emit(RunStarted(name, 55, 145))
    job.emit(Evaluated(step=0, cer=0.186, on="validation", segments=12, loss=2.0, seconds=9.0))
    job.emit(Sample(step=0, segment="talk_480_490", reference="它的筋吃起來很軟", hypothesis="嗯嗯嗯[bold]嗯"))
    for step in range(1, steps + 1):
        loss = None if step == 5 else 2.0 / step
        job.emit(Metric(step=step, total=55, epoch=step / 9, loss=loss, learning_rate=1e-5, samples_per_second=5.3))
        job.progress(done=step, total=55, unit="step", note="training")
    job.emit(Evaluated(step=steps, cer=0.142, on="validation", segments=12, loss=0.4, seconds=9.0))
    job.emit(Sample(step=steps, segment="talk_480_490", reference="它的筋吃起來很軟", hypothesis="它的金吃起來很軟"))
    job.emit(Saved(step=steps, path=f"models/.{name}/checkpoint-{steps}"))


async def test_the_plan_says_what_is_missing_and_p_splits_at_once(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "✗ not yet" in screen_text(app))
        for said in ("Base model", "there is nothing to train on", "not split yet", "no step: nothing to train on"):
            await wait_until(pilot, lambda said=said: said in screen_text(app))
        assert "? help" in screen_lines(app)[-1]
        await fits_at(pilot, (140, 45))
        assert "? help" in screen_lines(app)[-1]
        assert "there is nothing to train on" in screen_text(app)
        await fits_at(pilot, (80, 24))
        # Enter on a start that cannot be explains, and starts nothing.
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Message))
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        # Why a split failed stands there until what it was about has changed.
        error = UserError("too little text for a split", "one segment", "accept more")
        FakeJob(workspace, "split").finish(Outcome.FAILED, error)
        await wait_until(pilot, lambda: "too little text for a split" in screen_text(app))
        with Store(workspace.db_path) as store:
            store.transcripts.review("talk_8_18", "rejected")
        await wait_until(pilot, lambda: "there is nothing to train on" in screen_text(app))
        with Store(workspace.db_path) as store:
            store.transcripts.review("talk_8_18", "accepted")
        await pilot.press("p")
        await wait_until(pilot, lambda: "enter starts the training" in screen_text(app), timeout=60)
        await wait_until(pilot, lambda: "split by video: 30 train, 10 test; leak 0 (at random " in screen_text(app))
        await wait_until(pilot, lambda: screen_text(app).count("split by video") == 2)
        assert "is done" not in screen_text(app)
        assert [job.stage for job in list_jobs(workspace)] == ["split", "split"]
        await fits_at(pilot, (80, 24), (140, 45))
        assert "30 train, 10 test" in screen_text(app)


async def test_enter_on_a_value_changes_it_where_it_is_valid(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: screen_of(app).table.row_count > 5)
        screen_of(app).table.go_to_key("batch")
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        box = app.screen.query_one(Input)
        assert box.value == "8"
        for wrong, told in (
            ("0", "at least 1"),
            ("many", "a whole number"),
            ("2.5", "a whole number"),
            ("", "a whole"),
        ):
            box.value = wrong
            await pilot.press("enter")
            await wait_until(pilot, lambda told=told: f"! it must be {told}" in screen_text(app))
            assert isinstance(app.screen, TextPrompt)
        box.value = "4"
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingScreen) and "x 4 = 8" in screen_text(app))
        screen_of(app).table.go_to_key("memory")
        await pilot.press("enter")
        await wait_until(pilot, lambda: "Memory follows from the rest of the plan" in screen_text(app))
        assert workspace.config().train.batch == 4
        assert "# the spoken language" in workspace.config_path.read_text()


async def test_enter_goes_on_with_a_run_that_was_stopped_and_says_so_before(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    started: list[Any] = []
    monkeypatch.setattr(TrainingScreen, "start_job", lambda self, stage, params=None, then=None: started.append(params))
    stopped = [StoppedRun("run-02", 7, 20)]
    monkeypatch.setattr("core.training.planning.stopped_run", lambda models, record, fresh: stopped[-1])
    with Store(workspace.db_path) as store:
        store.segments.set_parts({f"talk_{8 * n}_{8 * n + 10}": "train" for n in range(20)})
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "enter goes on with run-02 from step 7 of 20" in screen_text(app))
        assert "keeps its plan" in " ".join(screen_text(app).split())
        await pilot.press("enter")
        await wait_until(pilot, lambda: started == [{"name": "run-02", "resume": True}])
        await wait_until(pilot, lambda: "run-02 goes on" in screen_lines(app)[0])  # above all that is read here
        # A split that fails is told once, above the keys, and no toast lies over that.
        app.clear_notifications()
        split = FakeJob(workspace, "split")
        await wait_until(pilot, lambda: split.folder in app.live)
        split.finish(Outcome.FAILED, UserError("there is too little text", "3 segments", "accept more"))
        await wait_until(pilot, lambda: split.folder not in app.live and "fix  accept more" in screen_text(app))
        await pilot.pause()
        assert screen_text(app).count("there is too little text") == 1
        # A run at work has checkpoints, too, and was not stopped.
        screen_of(app).toast("again")  # in the place of the first
        await wait_until(pilot, lambda: "again" in screen_lines(app)[0])
        training = FakeJob(workspace, "train")
        await wait_until(pilot, lambda: training.folder in app.live and "● running" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: "a training runs: enter shows it" in screen_text(app))
        stopped.append(StoppedRun("run-02", 9, 20, "settings have changed, it has batch = 8"))
        settings.set_value(workspace.config_path, "train", "batch", 4)
        training.finish(Outcome.CANCELLED)
        await wait_until(pilot, lambda: "enter starts a new training" in screen_text(app))
        await wait_until(pilot, lambda: training.folder not in app.live)
        app.clear_notifications()  # they lie over it
        told = "run-02 was stopped at step 9 of 20, and does not go on by itself, since settings have changed"
        await wait_until(pilot, lambda: told in " ".join(screen_text(app).split()))
        started.clear()
        await pilot.press("enter")
        await wait_until(pilot, lambda: started == [{}])


async def test_a_model_that_is_not_here_is_told_in_its_place(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    settings.set_value(workspace.config_path, "model", "base", "no/such-model")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "✗" in screen_text(app) and "no/such-model" in screen_text(app))
        assert "fix" in screen_text(app)
        # Of one that we know the plan stands all the same, and which key fetches it.
        settings.set_value(workspace.config_path, "model", "base", "openai/whisper-small")
        screen_of(app).store_changed()
        await wait_until(pilot, lambda: "1 Setup, then d downloads it" in screen_text(app))
        assert "10.8 GB needed" in screen_text(app)
        # The whole reason of the row under the cursor, with what starts several processes and several machines.
        screen_of(app).table.go_to_key("processes")
        line = "whispersmith plan --slurm 2 > train.sh && sbatch train.sh"
        await wait_until(pilot, lambda: line in " ".join(screen_text(app).split()))
        assert "accelerate launch --multi_gpu" in screen_text(app)


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_attached_late_shows_all_that_has_happened(workspace: Workspace, size: tuple[int, int]):
    job = FakeJob(workspace, "train")
    write_run(job)
    app = open_app(workspace)
    async with app.run_test(size=size) as pilot:
        await wait_until(pilot, lambda: "run-03  ● running  step 30/55" in screen_text(app))
        await wait_until(pilot, lambda: "CER 14.2 % (base 18.6 %) of 12 validation segments" in screen_text(app))
        assert "CER %   ✕ CER 14.2" in screen_text(app)
        assert "loss 0.067" in screen_text(app)
        await wait_until(pilot, lambda: "5.3 segments/s" in screen_text(app))
        loss, cer = (screen_of(app).query_one(name, LineChart) for name in ("#loss", "#cer"))
        assert loss.series_names == ["loss", "smooth"]
        assert cer.series_names == ["CER", "base"]
        await wait_until(
            pilot, lambda: "它的[金]吃起來很軟" in screen_text(app) and "它的[筋]吃起來很軟" in screen_text(app)
        )
        if size[0] < 100:
            assert "step 0 heard 嗯嗯嗯[bold]嗯" in screen_text(app)
        else:
            # Side by side, under their titles, with when and in which recording it is said.
            lines = screen_lines(app)
            row = next(at for at, line in enumerate(lines) if "它的[金]" in line)
            places = [lines[row - 1].index(title) for title in ("truth", "base (step 0)", "step 30")]
            texts = [lines[row].partition(text)[0] for text in ("它的[筋]", "嗯嗯嗯[bold]嗯", "它的[金]")]
            assert [cell_len(before) for before in texts] == places
            assert "8:00" in lines[row]
            assert "talk" in lines[row + 1]
        assert wrong_widths(app) == []
        assert hidden_characters(app) == []
        assert "? help" in screen_lines(app)[-1]
        # It goes on while it is watched.
        job.emit(Metric(step=31, total=55, epoch=3.4, loss=0.412, learning_rate=1e-5, samples_per_second=5.3))
        job.progress(done=31, total=55, unit="step", note="training")
        await wait_until(pilot, lambda: "step 31/55" in screen_text(app) and "loss 0.412" in screen_text(app))


async def test_tab_walks_through_the_panes_of_a_narrow_window(workspace: Workspace):
    job = FakeJob(workspace, "train")
    write_run(job)
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "它的[金]" in screen_text(app))
        seen = []
        for said in ("", "它的[金]", "step 30 saved", "no GPU: training on the CPU", "它的[金]"):
            await pilot.press("tab")
            await wait_until(pilot, lambda said=said: said in screen_text(app))
            seen.append(app.focused.id if app.focused else None)
            assert wrong_widths(app) == []
        assert seen == ["cer", "samples", "log", "gpu", "loss"]
        await pilot.press("l")
        await wait_until(pilot, lambda: isinstance(app.focused, LogTail) and "loss   " not in screen_text(app))
        assert app.focused is not None
        assert app.focused.size.height > 12
        await pilot.press("l")
        await wait_until(pilot, lambda: "✕ loss" in screen_text(app))
        await pilot.press("y")
        await wait_until(pilot, lambda: "loss (log)" in screen_text(app))


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("crash", ["✗ crashed", "train crashed", "r goes on from step 30"]),
        ("cancelled", ["! stopped", "r goes on from step 30"]),
        ("failed", ["✗ failed", "the GPU's memory ran out", "fix  lower the batch", "r goes on from step 30"]),
        ("done", ["✓ done", "6 Results compares it"]),
    ],
)
async def test_a_run_that_has_ended_is_shown_from_its_log_with_the_way_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, end: str, said: list[str]
):
    gate, named_runs = threading.Event(), actions.named_runs
    started: list[Any] = []
    monkeypatch.setattr(actions, "named_runs", lambda views: named_runs(views) if gate.wait(10) else [])
    monkeypatch.setattr(TrainingScreen, "start_job", lambda self, *asked: started.append(asked))
    job = FakeJob(workspace, "train")
    write_run(job)
    error = UserError("the GPU's memory ran out", "too big", "lower the batch")
    if end == "crash":
        job.die()
    else:
        job.finish(Outcome(end), error if end == "failed" else None)
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        if end == "crash":
            # The app itself asks about a fresh crash first.
            await wait_until(pilot, lambda: isinstance(app.screen, Choice))
            await pilot.press("escape")
        await wait_until(pilot, lambda: all(word in screen_text(app) for word in ["run-03", *said]))
        assert "step 30/55" in screen_text(app)
        assert wrong_widths(app) == []
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Base model" in screen_text(app))
        # The runs may take a moment to be read: an Enter that is quicker waits for them, and starts no training.
        await pilot.press("v", "enter")
        gate.set()
        await wait_until(pilot, lambda: "step 30/55" in screen_text(app))
        assert started == []


async def test_s_stops_a_run_and_r_goes_on_with_its_name(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    started: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        TrainingScreen, "start_job", lambda self, stage, params=None, then=None: started.append((stage, params or {}))
    )
    job = FakeJob(workspace, "train")
    write_run(job)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "● running  step 30/55" in screen_text(app))
        await pilot.press("r")
        await wait_until(pilot, lambda: "runs already" in screen_text(app))
        await pilot.press("s")
        await wait_until(pilot, lambda: job.asked_to_stop)
        job.finish(Outcome.CANCELLED)
        await wait_until(pilot, lambda: "! stopped" in screen_text(app))
        await pilot.press("r")
        await wait_until(pilot, lambda: started == [("train", {"resume": True, "name": "run-03"})])
        await pilot.press("e")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        app.screen.query_one(Input).value = "20"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "above 30" in screen_text(app))
        app.screen.query_one(Input).value = "90"
        await pilot.press("enter")
        await wait_until(pilot, lambda: started[1:] == [("train", {"name": "run-03", "resume": True, "steps": 90})])


async def test_a_resumed_run_shows_its_curves_from_the_first_step(workspace: Workspace):
    first = FakeJob(workspace, "train")
    write_run(first, steps=30)
    first.finish(Outcome.CANCELLED)
    again = FakeJob(workspace, "train", {"name": "run-03", "resume": True})
    again.emit(RunStarted("run-03", 55, 145, resumed_from=20))
    again.emit(Metric(step=21, total=55, epoch=3.4, loss=0.3, learning_rate=1e-5, samples_per_second=5.3))
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: "loss 0.300" in screen_text(app) and "(base 18.6 %)" in screen_text(app))
        run = screen_of(app).run_shown
        assert run is not None
        # What the stopped job did after the checkpoint was done anew, so it counts no more.
        assert [metric.step for metric in run.curve.points] == list(range(1, 22))
        assert run.measured == [(0, 0.186)]
        again.die()


async def test_r_goes_on_with_the_run_that_is_shown_and_with_no_other(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    started: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        TrainingScreen, "start_job", lambda self, stage, params=None, then=None: started.append((stage, params or {}))
    )
    older = FakeJob(workspace, "train")
    write_run(older)
    older.finish(Outcome.CANCELLED)
    newest = FakeJob(workspace, "train")
    newest.emit(RunStarted("run-04", 55, 145))
    newest.finish(Outcome.FAILED, UserError("the disk is full", "no room", "make some"))
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        # The newest run has saved nothing: there is nothing to go on with, though an older one has something.
        await wait_until(pilot, lambda: "run-04  ✗ failed" in screen_text(app))
        await pilot.press("r")
        await wait_until(pilot, lambda: "Nothing was saved of this run" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Base model" in screen_text(app))
        await pilot.press("r")
        await wait_until(pilot, lambda: "v looks at runs" in screen_text(app))
        await pilot.press("v")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        # Each has its name, which one that was stopped says nowhere but in its log.
        for said in ("run-04  failed", "run-03  stopped"):
            assert said in screen_text(app)
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: "run-03  ! stopped" in screen_text(app))
        assert started == []
        await pilot.press("r")
        await wait_until(pilot, lambda: started == [("train", {"name": "run-03", "resume": True})])


async def test_a_crashed_training_is_gone_on_with_by_its_name(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    spawned: list[dict[str, Any]] = []
    monkeypatch.setattr("tui.app.spawn", lambda workspace, stage, params: spawned.append(params))
    crashed = FakeJob(workspace, "train", {"steps": 55})
    crashed.emit(RunStarted("run-07", 55, 145))
    crashed.die()
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("enter")
        await wait_until(pilot, lambda: spawned == [{"steps": 55, "resume": True, "name": "run-07"}])


async def test_a_new_run_shows_nothing_of_the_one_before(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    before = FakeJob(workspace, "train")
    write_run(before)
    before.finish(Outcome.CANCELLED)
    jobs: list[FakeJob] = []

    def start(screen: TrainingScreen, stage: str, params: Any = None, then: Any = None) -> None:
        jobs.append(FakeJob(workspace, "train"))
        then(jobs[0].folder)

    monkeypatch.setattr(TrainingScreen, "start_job", start)
    app = open_app(workspace)
    async with app.run_test(size=(140, 45)) as pilot:
        await wait_until(pilot, lambda: "run-03  ! stopped" in screen_text(app) and "它的[金]" in screen_text(app))
        await pilot.press("r")
        await wait_until(pilot, lambda: bool(jobs) and "starting" in screen_text(app))
        for word in ("run-03", "它的[金]", "step 30 saved", "base 18.6"):
            assert word not in screen_text(app)
        jobs[0].emit(LogLine(text="another begins"))
        jobs[0].emit(RunStarted("run-05", 9, 20))
        await wait_until(
            pilot, lambda: "run-05  ● running" in screen_text(app) and "another begins" in screen_text(app)
        )
        for word in ("run-03", "它的[金]", "step 30 saved", "base 18.6"):
            assert word not in screen_text(app)
        jobs[0].finish()


def run_of(job: FakeJob) -> TrainingRun:
    view = attach.view(job.folder)
    assert view is not None
    run = TrainingRun(view)
    for batch in history(job.folder):
        run.handle(batch)
    return run


@pytest.mark.parametrize("anew", [False, True])
def test_figures_and_samples_of_other_segments_are_no_part_of_a_resumed_run(workspace: Workspace, anew: bool):
    first, second, third = (FakeJob(workspace, "train") for _ in range(3))
    write_run(first)
    second.emit(RunStarted("run-03", 55, 145, 30, measures_anew=anew))
    second.emit(Metric(step=31, total=55, loss=0.3))
    second.emit(Evaluated(step=35, cer=0.2, on="validation", segments=10))
    second.emit(Sample(step=35, segment="walk_0_10", reference="對", hypothesis="對"))
    third.emit(RunStarted("run-03", 55, 145, 35))
    third.emit(Metric(step=36, total=55, loss=0.2))
    runs = [run_of(job) for job in (third, second, first)]
    runs[0].continue_from(runs[1:])
    assert [metric.step for metric in runs[0].curve.points] == [*range(1, 32), 36]
    before = [] if anew else [(0, 0.186), (30, 0.142)]
    assert runs[0].measured == [*before, (35, 0.2)]
    assert set(runs[0].samples) == {"walk_0_10"} | (set() if anew else {"talk_480_490"})
    assert "of 10 validation segments" in runs[0].figures()
    for job in (first, second, third):
        job.die()


def test_the_best_is_told_only_where_the_checkpoint_is_chosen_by_it(workspace: Workspace):
    cases: list[tuple[MeasuredOn, tuple[int, float] | None]] = [("validation", (10, 0.2)), ("test", None)]
    for on, told in cases:
        job, later = FakeJob(workspace, "train"), FakeJob(workspace, "train")
        job.emit(RunStarted("run-03", 55, 64))
        for step, cer in ((0, 0.4), (10, 0.2), (20, 0.3)):
            job.emit(Evaluated(step=step, cer=cer, on=on, segments=7))
        later.emit(RunStarted("run-03", 55, 64, 20))
        first, second = run_of(job), run_of(later)
        second.continue_from([first])
        assert (first.best, second.best) == (told, told)
        assert first.figures() == (
            f"loss -  CER 30.0 % (base 40.0 %{', best 20.0 % at step 10' if told else ''}) of 7 {on} segments"
        )
        job.die()
        later.die()


def test_the_list_of_runs_says_what_each_figure_is_of(workspace: Workspace):
    job = FakeJob(workspace, "train")
    job.finish(result={"name": "run-01", "cer": 0.113, "on": "test", "eval_segments": 31})
    view = attach.view(job.folder)
    assert view is not None
    assert label_of(view, name_of(view), ascii=False).endswith("run-01  done  CER 11.3 % of 31 test segments")
    # A result of another shape tells nothing; the name is then the one that was asked for.
    strange = {"name": "run-01", "cer": "much", "on": 3, "eval_segments": None}
    odd = dataclasses.replace(view, params={"name": "run-02"}, result=strange)
    assert label_of(odd, name_of(odd), ascii=False).endswith("run-02  done")


async def test_the_plan_is_computed_once_a_change_and_not_for_a_text(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    asked: list[bool] = []
    real = TrainingScreen.store_changed
    monkeypatch.setattr(TrainingScreen, "store_changed", lambda self: (asked.append(True), real(self)))
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: "✗ not yet" in screen_text(app))
        reader = screen_of(app).plan_reader
        assert reader is not None

        async def write(change: Callable[[Store], object]) -> None:
            """Another process writes; the screen is told of it."""
            asked.clear()
            with Store(workspace.db_path) as store:
                change(store)
            app.recount()
            await wait_until(pilot, lambda: bool(asked))

        assert (reader.selected, reader.planned) == (1, 1)
        for number in range(3):
            await write(lambda store, number=number: store.transcripts.save("talk_0_10", f"另一句{number}"))
        parts = {f"talk_{8 * n}_{8 * n + 10}": "train" for n in range(20)}
        await write(lambda store: store.segments.set_parts(parts))
        await wait_until(pilot, lambda: "20 train" in screen_text(app))
        assert (reader.selected, reader.planned) == (2, 2)
        await write(lambda store: store.transcripts.save("talk_8_18", "又一句"))
        await write(lambda store: store.transcripts.review("talk_16_26", "rejected"))
        await wait_until(pilot, lambda: "19 train" in screen_text(app))
        assert (reader.selected, reader.planned) == (3, 3)


async def test_the_driver_is_asked_once_for_the_status_line_and_the_panel(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    card = Gpu(0, "GPU-1", "NVIDIA Card 5", (8, 6), 8 * 2**30, 2**30, 7 * 2**30, 63, 61, 80.0)
    asked: list[bool] = []

    def read() -> list[Gpu]:
        asked.append(True)
        return [card]

    monkeypatch.setattr("tui.status.monitor.GPU_S", 0.2)
    monkeypatch.setattr("tui.status.gpu.read_gpus", read)
    monkeypatch.setattr("tui.screens.training.screen.read_gpus", read)
    readings: list[bool] = []
    real = RunPanel.show_gpu
    monkeypatch.setattr(RunPanel, "show_gpu", lambda self, reading: (readings.append(True), real(self, reading)))
    job = FakeJob(workspace, "train")
    write_run(job)
    app = WhispersmithApp(workspace, AppOptions(ascii=True), start="training")
    async with app.run_test(size=(140, 45)) as pilot:
        await wait_until(pilot, lambda: "step 30/55" in screen_text(app) and "80 W" in screen_text(app))
        assert "Card 5" in screen_lines(app)[0]
        first = len(readings)
        await wait_until(pilot, lambda: len(readings) >= first + 6)
        # Before the first reading comes the plan may ask for itself; the panel never does.
        assert 0 <= len(asked) - len(readings) <= 3
        # What is cut beside the charts has no sign for more that a plain terminal lacks.
        app.screen.query_one("#pace", Static).update("x" * 200)
        app.screen.query_one(GpuPanel).update("g" * 200)
        await wait_until(pilot, lambda: "xxx" in screen_text(app) and "ggg" in screen_text(app))
        assert "…" not in screen_text(app)
        job.die()


async def test_no_key_is_dead_where_nothing_has_been_trained(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "✗ not yet" in screen_text(app))
        for key, said in (
            ("v", "There is no run to look at"),
            ("s", "No training is running"),
            ("e", "No run is shown"),
        ):
            await pilot.press(key)
            await wait_until(pilot, lambda said=said: said in screen_text(app))
        for key in ("l", "y", "tab", "escape", "down", "G"):
            await pilot.press(key)
            await pilot.pause()
        assert list(workspace.jobs.iterdir()) == []


def test_a_setting_is_parsed_as_its_type_and_a_split_tells_its_leak():
    config = settings.Config()
    assert parsed(config, "train", "learning_rate", " 2e-5 ") == 2e-5
    assert parsed(config, "model", "base", "openai/whisper-base") == "openai/whisper-base"
    with pytest.raises(ValueError, match="at least 1"):
        parsed(config, "train", "batch", "0")
    assert config.train.batch == 8
    report = split_report({"by": "time", "train": 145, "test": 31, "guard": 4, "leak": 0, "random_leak": 29})
    assert report == "split by time: 145 train, 31 test, 4 between; leak 0 (at random 29)"
