"""What the status line and the rows say: pure functions."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from core import crash_file
from core.errors import UserError
from core.events import Blocked, GpuChosen, JobState, LogLine, Metric, Progress
from core.gpu import Gpu, GpuProcess
from core.jobs import JobView, attach
from core.workspace import create
from tests.fakes import nvml
from tests.tui.fake_job import FakeJob
from tests.tui.wait import screen_text, wait_until
from tui.bridge import JobBatch
from tui.screens.training.gpu_panel import GpuPanel
from tui.status.gpu import GpuMeter, GpuReading, GpuSample, gpu_line
from tui.status.jobs import bar_job, clock, end_of, progress_text
from tui.widgets import marks

CARD = Gpu(
    0, "GPU-1", "NVIDIA GeForce RTX 3070 Laptop GPU", (8, 6), 8 * 2**30, int(6.1 * 2**30), 2 * 2**30, 63, 61, 80.0
)
BARS = "▁▂▃▄▅▆▇█"


SMALL = replace(CARD, uuid="GPU-2", name="NVIDIA T4", memory_free=10**9)
LARGE = replace(CARD, uuid="GPU-3", name="NVIDIA H100", memory_free=70 * 10**9, utilization=0)


def line(meter: GpuMeter, *gpus: Gpu) -> str:
    return gpu_line(meter.read(gpus), BARS)


def test_a_gpu_in_one_line_with_its_last_readings():
    assert gpu_line(GpuReading(CARD, (0, 50, 100), (CARD,)), BARS) == "RTX 3070 Laptop  6.1/8.0 GB  63% ▁▄█  61°C"
    assert line(GpuMeter()) == gpu_line(None, BARS) == ""


def test_each_value_the_card_does_not_tell_is_a_dash():
    silent = replace(CARD, memory_used=None, utilization=None, temperature=None, name="GRID A100-8C")
    assert gpu_line(GpuReading(silent, (None,), (silent, CARD)), BARS) == "GRID A100-8C  –/8.0 GB  –%  –°C  +1"
    assert gpu_line(GpuReading(silent, (None,), (silent,)), "_.-:=+*#") == "GRID A100-8C  -/8.0 GB  -%  - C"


def test_the_line_shows_eight_readings_also_equal_ones():
    meter = GpuMeter()
    texts = [line(meter, replace(CARD, utilization=use)) for use in range(20)]
    assert texts[-1].count("▁") + texts[-1].count("▂") == 8
    # The thread that asks tells only what is new: the same use once more is new.
    assert GpuSample((CARD,)) != GpuSample((CARD,))
    assert list(GpuSample((CARD,))) == [CARD]


def test_without_a_job_the_card_with_the_most_free_memory_is_shown_and_it_does_not_flicker():
    meter = GpuMeter()
    assert "H100" in line(meter, SMALL, LARGE)
    nearly = replace(SMALL, memory_free=LARGE.memory_free and LARGE.memory_free + 10**8)
    assert "H100" in line(meter, nearly, LARGE)
    text = line(meter, replace(SMALL, memory_free=80 * 10**9, utilization=99), LARGE)
    # Another card's readings are no history of this one.
    assert text == "T4  6.1/8.0 GB  99% █  61°C  +1"
    assert "H100" in line(meter, LARGE)


def test_the_environment_hides_cards(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-2")
    assert "T4" in line(GpuMeter(), SMALL, LARGE)


def test_a_card_in_mig_mode_stands_for_its_slices():
    piece = replace(CARD, uuid="MIG-1", name="NVIDIA A100 MIG 1g.5gb", utilization=None)
    text = line(GpuMeter(), replace(CARD, mig=True, slices=(piece,)))
    assert text.startswith("A100 MIG 1g.5gb  6.1/8.0 GB  –%")


def test_the_meter_follows_the_card_of_the_running_gpu_job(tmp_path: Path):
    workspace = create(tmp_path / "w")
    job = FakeJob(workspace, "train")
    meter = GpuMeter()
    view = attach.view(job.folder)
    assert view is not None
    meter.follow([JobBatch(view)])
    assert "H100" in line(meter, SMALL, LARGE)
    # The event may lie behind others; a download's log is not asked.
    job.progress(done=0, total=None, note="waiting for 6 GB")
    job.emit(GpuChosen(uuid="GPU-2", name="NVIDIA T4"))
    job.emit(Metric(step=1))
    other = FakeJob(workspace, "model")
    other.emit(GpuChosen(uuid="GPU-3", name="no"))
    second = attach.view(other.folder)
    assert second is not None
    meter.follow([JobBatch(second), JobBatch(view)])
    assert "T4" in line(meter, SMALL, LARGE)
    job.finish()
    meter.follow([])
    assert "T4" in line(meter, replace(SMALL, memory_free=LARGE.memory_free), LARGE)
    assert "H100" in line(meter, SMALL, LARGE)
    other.die()


def test_a_log_with_much_before_the_card_is_read_on_though_the_job_says_nothing_new(tmp_path: Path):
    job = FakeJob(create(tmp_path / "w"), "train")
    for number in range(2000):
        job.emit(LogLine(f"a warning of some library, number {number}"))
    job.emit(GpuChosen(uuid="GPU-2", name="NVIDIA T4"))
    meter = GpuMeter()
    view = attach.view(job.folder)
    assert view is not None
    meter.follow([JobBatch(view)])
    assert any("T4" in line(meter, SMALL, LARGE) for _ in range(2000))
    job.die()


class Panel(App[None]):
    """A training's GPU panel alone."""

    ascii = False

    def compose(self) -> ComposeResult:
        yield GpuPanel()


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_the_panel_tells_power_and_other_peoples_programs(size: tuple[int, int]):
    programs = (
        GpuProcess(1, "python", 10**9, "me", True),
        GpuProcess(2, "/usr/bin/blender", 3 * 2**30, "anna", False),
        GpuProcess(3, "Xorg", None, "root", False),
    )
    busy = replace(SMALL, processes=programs, power_limit_w=115.0)
    app = Panel()
    async with app.run_test(size=size) as pilot:
        panel = app.query_one(GpuPanel)
        panel.show(GpuReading(), in_one_line=False)
        await wait_until(pilot, lambda: "no GPU: training on the CPU" in screen_text(app))
        panel.show(GpuReading(busy, (63,), (LARGE, busy)), in_one_line=False)
        lines = ["T4", "memory 6.1/8.0 GB ▄▄▄▄▄▄▄▄▄", "use 63% ▅", "61°C  80 W of 115 W"]
        lines += ["others: anna blender 3.0 GB, root Xorg – GB"]
        await wait_until(pilot, lambda: screen_text(app).split("\n")[:5] == lines)
        panel.show(GpuReading(busy, (63,), (LARGE, busy)), in_one_line=True)
        await wait_until(pilot, lambda: screen_text(app).startswith("  ".join(lines)[: size[0] - 1]))
        silent = replace(busy, power_w=None, temperature=None, power_limit_w=None, processes=())
        panel.show(GpuReading(silent, (63,), (silent,)), in_one_line=False)
        await wait_until(pilot, lambda: "–°C  – W" in screen_text(app))
        assert "others" not in screen_text(app)


STATUS_LINE = """
import asyncio, sys
from pathlib import Path
import tui
from core.cli import AppOptions
from core.events import GpuChosen
from core.workspace import create
from tests.tui.fake_job import FakeJob
from tests.tui.wait import screen_lines, wait_until, wrong_widths
from tui.app import WhispersmithApp
async def main():
    workspace = create(Path(sys.argv[1]))
    if sys.argv[3]:
        FakeJob(workspace, "train").emit(GpuChosen(uuid=sys.argv[3], name="it"))
    app = WhispersmithApp(workspace, AppOptions(), start="playlist")
    async with app.run_test(size=(int(sys.argv[2]), 24)) as pilot:
        await wait_until(pilot, lambda: bool(app.live) == bool(sys.argv[3]), 60)
        await wait_until(pilot, lambda: sys.argv[4] in screen_lines(app)[0], 60)
        print(screen_lines(app)[0].strip())
        assert wrong_widths(app) == []
asyncio.run(main())
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or nvml.compiler() is None,
    reason="no Linux, or no C compiler (cc, gcc or clang), to build the stand-in with",
)
@pytest.mark.parametrize(
    ("scenario", "width", "job", "shown"),
    [
        ("laptop-3070", 80, "", "RTX 3070 Laptop  1.0/8.0 GB  3% ▁"),
        ("h100x2-580", 140, "", "H100 80GB HBM3  0.0/79.6 GB  0% ▁"),
        ("h100x2-580", 140, "GPU-100aaaaa-0000-0000-0000-000000000001", "H100 80GB HBM3  59.8/79.6 GB  97% █"),
    ],
)
def test_the_real_readings_of_the_right_card_reach_the_status_line(
    tmp_path: Path, scenario: str, width: int, job: str, shown: str
):
    library = nvml.build(tmp_path / "library")
    environment = nvml.environment(library, nvml.scenario(scenario)) | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    line = nvml.python("-c", STATUS_LINE, str(tmp_path / "w"), str(width), job, shown, environment=environment)
    assert shown in line


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (134.4, "02:14"), (3599.6, "1 h 00 m"), (8040, "2 h 14 m"), (-5, "00:00")]
)
def test_times_as_a_person_reads_them(seconds: float, text: str):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(967e6, "967 MB"), (1.8e6, "1.8 MB"), (1.21e9, "1.2 GB"), (412_000, "412 KB"), (12, "12 B")]
)
def test_sizes_as_a_person_reads_them(size: float, text: str):
    assert marks.megabytes(size) == text


def test_lengths_of_recordings():
    assert [marks.length(ms) for ms in (None, 0, 59_600, 1_603_000, 3_723_000)] == [
        "–",
        "0:00",
        "1:00",
        "26:43",
        "1:02:03",
    ]
    assert [marks.total_length(ms) for ms in (42_000, 960_000, 20_460_000)] == ["42 s", "16 m", "5 h 41 m"]


@pytest.mark.parametrize("width", [2, 3, 7, 20])
def test_lines_are_broken_by_cells_and_lose_nothing(width: int):
    text = "pip install 【千千進食中】饗饗全品項 --index-url https://example.org/a/very/long/path x"
    lines = marks.wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_lines_are_filled_with_han_and_keep_latin_words_whole():
    assert marks.wrap("machine wrote  大家好我是千千 hello world", 20) == [
        "machine wrote  大家",
        "好我是千千 hello",
        "world",
    ]
    assert marks.wrap("ok https://a.very/long/address", 12) == ["ok https://a", ".very/long/a", "ddress"]
    assert marks.wrap("", 5) == marks.wrap("   ", 5) == [""]


HEARD = "16 windows, 12.3 s of sound a second"


def job(state: str, stage: str = "label", **more: Any) -> JobView:
    return JobView("a", stage, Path("/x"), JobState(state), 0, **more)


def test_a_running_job_is_shown_before_a_waiting_one_and_more_are_counted():
    waiting = JobBatch(job("waiting", "train"))
    running = JobBatch(job("running", "label", progress=Progress(63, 100)), left_s=134)
    shown = bar_job([waiting, running])
    assert shown is not None
    assert (shown.stage, shown.percent, shown.left) == ("label +1", 63, "02:14 left")
    hearing = JobBatch(job("running", "label", progress=Progress(63, 100, "s", HEARD)), left_s=134)
    assert progress_text(hearing) == f"labelling  63%  02:14 left  {HEARD}"
    alone = bar_job([waiting])
    assert alone is not None
    assert alone.stage == "train waiting"
    assert bar_job([]) is None
    quiet = bar_job([JobBatch(job("running", "details")), waiting])
    assert quiet is not None
    assert quiet.stage == "train waiting +1"
    paused = bar_job([JobBatch(job("running", "fetch", paused=True))])
    assert paused is not None
    assert paused.stage == "download paused"
    note = Progress(note="blocked by YouTube: goes on at 14:20")
    blocked = bar_job([JobBatch(job("running", "fetch", progress=note, block=Blocked("a wall")), left_s=60)])
    assert blocked is not None
    assert blocked.left == "blocked by YouTube: goes on at 14:20"


def test_the_end_of_a_job_in_words():
    error = UserError("out of memory", "8 GB", "lower the batch")
    assert end_of(job("done"))[1] == "information"
    assert end_of(job("done", failed=2)) == ("Labelling is done, 2 segments failed: see there", "warning")
    assert end_of(job("cancelled"))[0] == "Labelling has stopped; what it has done is kept"
    assert end_of(job("done", "details"))[0] == ""
    imported = job("done", "import", result={"imported": 3, "kept": 0, "unmatched": ["a", "b"], "rows": 5})
    assert end_of(imported)[0] == "Importing is done: 3 texts taken in, 2 belong to no segment here"
    exported = job("done", "export", result={"train": 3, "test": 1, "path": "dataset"})
    assert end_of(exported)[0] == "Exporting is done: 3 for training, 1 for testing in dataset"
    assert end_of(job("done", "export", result={"train": "x" * 99, "path": {}}))[0] == "Exporting is done"
    listed = job("done", "add", result={"added": 2, "known": 40})
    assert end_of(listed)[0] == "The listing is done: 2 new, 40 known before"
    fetched = job("done", "fetch", result={"fetched": 0}, failed=1)
    assert end_of(fetched)[0] == "The download is done, 1 video failed: see there"
    assert end_of(job("done", "fetch", result={"stopped": "too many requests"}))[1] == "warning"
    assert end_of(job("failed", error=error)) == ("out of memory\nwhy  8 GB\nfix  lower the batch", "error")


def test_a_crash_file_where_the_folder_cannot_be_written_goes_to_the_temporary_one(tmp_path: Path):
    (tmp_path / "file").write_text("")
    path = crash_file.write(ValueError("x"), tmp_path / "file" / "logs", ["label running 3"])
    assert path is not None
    text = path.read_text()
    path.unlink()
    assert "ValueError: x" in text
    assert "label running 3" in text
