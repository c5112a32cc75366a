"""What the status line and the rows say: pure functions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from core.gpu import Gpu
from core.jobs import JobView
from tui import crash, marks
from tui.bridge import JobBatch
from tui.status import Gauge, bar_job, clock, end_of, gpu_text

CARD = Gpu(
    0, "GPU-1", "NVIDIA GeForce RTX 3070 Laptop GPU", (8, 6), 8 * 2**30, int(6.1 * 2**30), 2 * 2**30, 63, 61, 80.0
)
BARS = "▁▂▃▄▅▆▇█"


def test_a_gpu_in_one_line_with_its_last_readings():
    assert gpu_text([CARD], [0, 50, 100], BARS) == "RTX 3070 Laptop  6.1/8.0 GB  63% ▁▄█  61°C"
    assert gpu_text([], [], BARS) == ""


def test_a_card_that_tells_little_says_what_it_tells():
    silent = replace(CARD, memory_used=None, utilization=None, temperature=None, name="GRID A100-8C")
    assert gpu_text([silent, CARD], [None], BARS) == "GRID A100-8C  +1"


def test_the_gauge_remembers_eight_readings():
    gauge = Gauge()
    texts = [gauge.text((replace(CARD, utilization=use),), BARS) for use in range(20)]
    text = texts[-1]
    assert text.count("▁") + text.count("▂") == 8


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


def job(state: str, stage: str = "label", **more: object) -> JobView:
    values = {"progress": None, "note": "", "error": None, "result": {}, "params": {}} | more
    return JobView("a", stage, Path("/x"), state, 0, 0, None, **values)  # type: ignore[arg-type]


def test_a_running_job_is_shown_before_a_waiting_one_and_more_are_counted():
    waiting = JobBatch(job("waiting", "train"))
    running = JobBatch(job("running", "label", progress=0.63), left_s=134)
    shown = bar_job([waiting, running])
    assert shown is not None
    assert (shown.stage, shown.percent, shown.left) == ("label +1", 63, "02:14 left")
    alone = bar_job([waiting])
    assert alone is not None
    assert alone.stage == "train waiting"
    assert bar_job([]) is None


def test_the_end_of_a_job_in_words():
    error = {"what": "out of memory", "why": "8 GB", "fix": "lower the batch", "detail": ""}
    assert end_of(job("done"))[1] == "information"
    assert end_of(job("done", failed=2)) == ("label done, 2 failed: see there", "warning")
    assert "goes on where it was" in end_of(job("cancelled"))[0]
    assert end_of(job("failed", error=error)) == ("out of memory\nwhy  8 GB\nfix  lower the batch", "error")


def test_a_crash_file_where_the_folder_cannot_be_written_goes_to_the_temporary_one(tmp_path: Path):
    (tmp_path / "file").write_text("")
    path = crash.write(ValueError("x"), tmp_path / "file" / "logs", ["label running 3"])
    assert path is not None
    text = path.read_text()
    path.unlink()
    assert "ValueError: x" in text
    assert "label running 3" in text


@pytest.mark.parametrize(
    "secret",
    ["hf_AbCdEfGhIjKlMnOp", "https://me:geheim@proxy:8080", "?token=s3cr3t&x=1", "Authorization: Bearer abc.def"],
)
def test_secrets_do_not_reach_a_crash_file(secret: str):
    shown = crash.redact(f"before {secret} after")
    assert "[hidden]" in shown
    for word in ("AbCdEf", "geheim", "s3cr3t", "abc.def"):
        assert word not in shown
    assert shown.startswith("before")
    assert shown.endswith("after")
