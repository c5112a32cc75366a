"""What commands print of strangers' text, and what goes into logs/log.txt: nothing of it acts on a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import core.cli
from core.errors import UserError
from core.events import ItemFailed, Outcome
from core.text import hidden_escaped, printable
from core.workspace import Workspace
from tests.core.cli_kit import Run, caller
from tests.faults.terminal.hostile import TEXT, acting, hostile_workspace
from tests.tui.fake_job import FakeJob


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return hostile_workspace(tmp_path / "w")


LISTINGS = ["videos", "segments", "jobs", "status", "model"]


@pytest.mark.parametrize("command", LISTINGS)
def test_what_is_listed_acts_on_no_terminal_and_json_reads_as_what_is_stored(
    workspace: Workspace, run: Run, command: str
) -> None:
    code, out, err = run("-w", workspace.root, command)
    assert code == 0
    assert acting(out.replace("\t", "")) == []
    code, out, err = run("-w", workspace.root, command, "--json")
    assert acting(out + err) == []
    found = json.loads(out)
    if command in ("videos", "segments"):
        assert {row["title" if command == "videos" else "text"] for row in found} <= {TEXT, ""}


@pytest.mark.parametrize(
    "argv",
    [
        [TEXT],
        ["--" + TEXT],
        ["segments", "--state", TEXT],
        ["segments", "--video", TEXT],
        ["segments", "--filter", TEXT],
        ["fetch", "--first", TEXT],
        ["fetch", TEXT],
        ["fetch", "--all", "--first", TEXT],
        ["label", "--" + TEXT],
        ["label", "--by", TEXT],
        ["plan", "--slurm", TEXT],
        ["add", TEXT],
        ["jobs", "--follow", TEXT],
        ["transcript", TEXT, "--accept"],
        ["transcribe", TEXT],
        ["import", TEXT],
        ["-w", TEXT, "videos"],
        ["init", TEXT * 40],
    ],
    ids=lambda argv: " ".join(word if word.isascii() and word.isprintable() else "X" for word in argv)[:40],
)
def test_complaints_repeat_nothing_that_acts(workspace: Workspace, run: Run, argv: list[str]) -> None:
    at = ["-w", workspace.root] if "-w" not in argv and argv[0] != "init" else []
    code, out, err = run(*at, *(word.replace("\x00", "") for word in argv))
    assert acting((out + err).replace("\t", "")) == []
    assert code in (0, 2, 3)
    assert "Traceback" not in err


def test_a_job_that_is_followed_says_nothing_that_acts(workspace: Workspace, run: Run) -> None:
    job = FakeJob(workspace, "label")
    job.job.log(TEXT)
    job.progress(done=1, total=2, note=TEXT)
    job.emit(ItemFailed(TEXT, UserError(TEXT, TEXT, TEXT)))
    job.finish(Outcome.FAILED, error=UserError(TEXT, TEXT, TEXT))
    code, out, err = run("-w", workspace.root, "jobs", "--follow", job.folder.name)
    assert code == 3
    assert acting(out + err) == []
    assert "right to left" in out


def test_a_line_of_the_log_is_one_line(workspace: Workspace) -> None:
    workspace.log(TEXT, "label")
    workspace.log("x" * 1_000_000)
    lines = workspace.log_file.read_text(encoding="utf-8").split("\n")
    assert acting("".join(lines)) == []
    assert len(lines) == 3
    assert "漢字" in lines[0]


@given(st.recursive(st.text() | st.none(), lambda below: st.lists(below) | st.dictionaries(st.text(), below)))
def test_escaped_json_is_the_same_value(value: object) -> None:
    text = hidden_escaped(json.dumps(value, ensure_ascii=False, indent=1))
    assert acting(text) == []
    assert json.loads(text) == value


def test_escaped_json_has_no_half_characters() -> None:
    text = hidden_escaped(json.dumps("\udc80 \U000e0041 \u2028", ensure_ascii=False))
    assert text == '"\\udc80 \\udb40\\udc41 \\u2028"'
    assert text.encode("utf-8")


@given(st.text())
def test_what_is_printable_stays_on_its_line(text: str) -> None:
    shown = printable(text)
    assert acting(shown) == []
    assert shown.count("\n") == text.count("\n")


def test_what_is_printed_goes_through_one_door() -> None:
    """`print` knows nothing of what acts on a terminal; `python -m core.cli.parser` prints our own table."""
    room = Path(core.cli.__file__).parent
    printing = {path.name for path in room.glob("*.py") if re.search(r"(?<![.\w])print\(", path.read_text())}
    assert printing <= {"show.py", "parser.py", "__init__.py"}
