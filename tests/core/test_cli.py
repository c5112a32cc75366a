"""The command line on real workspaces: what it prints, what it answers to bad input, and its exit codes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import unicodedata
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli import AppOptions, main
from core.cli.parser import build
from core.events import Item
from core.jobs import EventReader, list_jobs, lock
from core.review.differences import Difference
from core.store import Store, Video
from core.store.records import SecondReading
from core.store.transcripts import MachineText
from core.workspace import Workspace, create
from tests.core.cli_kit import Run, caller
from tests.core.media_kit import copied

CODE = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)


def talk(path: Path, seconds: float = 30, rate: int = 16_000) -> Path:
    """A wav of a wavering tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * rate)) / rate
    samples = 0.3 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((samples / 2 * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "ws")


@pytest.fixture(scope="module")
def cut_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with one recording of 30 s, cut into four segments."""
    folder = tmp_path_factory.mktemp("cut")
    workspace = create(folder / "ws")
    talk(folder / "talk.wav")
    for words in (["add", str(folder / "talk.wav")], ["fetch", "--all"], ["segment"]):
        assert main(["-w", str(workspace.root), *words], lambda folder, options: 0) == 0
    return workspace


@pytest.fixture
def cut(cut_once: Workspace, tmp_path: Path) -> Workspace:
    return copied(cut_once, tmp_path / "ws")


def what_why_fix(error: str) -> None:
    """Three short lines, none of them a traceback."""
    lines = error.strip().splitlines()
    assert 2 <= len(lines) <= 3, error
    assert lines[1].startswith("why  ")
    assert lines[-1].startswith("fix  ")
    assert "Traceback" not in error


# -- the usual way


def test_from_a_file_to_segments(cut: Workspace, run: Run) -> None:
    code, out, _ = run("videos", "-w", cut.root, "--json")
    (video,) = json.loads(out)
    assert code == 0
    assert (video["id"], video["duration_ms"], video["licence"], video["state"]) == ("talk", 30_000, "own", "fetched")
    assert set(video) >= {"id", "title", "duration_ms", "licence", "captions", "state", "path", "error"}
    code, out, _ = run("-w", cut.root, "segments", "--json")
    rows = json.loads(out)
    assert [row["id"] for row in rows] == ["talk_0_10", "talk_8_18", "talk_16_26", "talk_24_30"]
    keys = {"id", "video", "start_ms", "end_ms", "path", "text", "origin", "state", "flags", "suspicion"}
    assert set(rows[0]) >= keys
    assert (rows[0]["text"], rows[0]["origin"], rows[0]["state"]) == ("", None, "pending")
    assert (cut.root / rows[3]["path"]).is_file()
    code, out, _ = run("-w", cut.root, "status", "--json")
    status = json.loads(out)
    assert (status["segment"], status["fetch"], status["next"]) == (
        {"done": 4, "due": 0},
        {"done": 1, "due": 0},
        "model",
    )


def test_every_stage_is_a_job(cut: Workspace, run: Run) -> None:
    code, out, _ = run("-w", cut.root, "jobs", "--json")
    jobs = json.loads(out)
    assert code == 0
    assert [(job["stage"], job["state"]) for job in jobs] == [("segment", "done"), ("fetch", "done"), ("add", "done")]
    assert set(jobs[0]) >= {"id", "stage", "state", "progress", "started", "ended", "error"}


def test_a_transcript_is_set_accepted_and_undone(cut: Workspace, run: Run) -> None:
    def transcript(*words: str) -> dict[str, Any]:
        code, out, error = run("-w", cut.root, "transcript", "talk_0_10", *words, "--json")
        assert code == 0, error
        return json.loads(out)

    with Store(cut.db_path) as store:
        store.transcripts.write_machine([MachineText("talk_0_10", "大家號", "大家號", "a/whisper")])
        places = (Difference(2, 3, "好"),)
        store.second_readings.put([SecondReading("talk_0_10", "b/whisper", "大家號", "大家好", places)])
    shown = transcript()
    second = {"model": "b/whisper", "text": "大家好", "differences": [[2, 3, "好"]]}
    assert (shown["model"], shown["second"]) == ("a/whisper", second)
    listed = json.loads(run("-w", cut.root, "segments", "--json")[1])
    assert [row["second"] for row in listed] == [second, None, None, None]
    shown = transcript("--set", "大家好，NA")
    assert (shown["text"], shown["origin"], shown["state"]) == ("大家好，NA", "human", "accepted")
    assert shown["second"]["differences"] == [[4, 6, ""]]
    assert transcript("--reject")["state"] == "rejected"
    assert transcript("--undo")["state"] == "accepted"
    assert transcript("--undo")["text"] == "大家號"
    code, _, error = run("-w", cut.root, "transcript", "talk_0_10", "--undo")
    assert code == 3
    what_why_fix(error)


def test_import_split_and_export(cut: Workspace, run: Run, tmp_path: Path) -> None:
    names = ["talk_0_10", "talk_8_18", "talk_16_26", "talk_24_30"]
    table = tmp_path / "human.csv"
    table.write_text("file_name, transcription\n" + "".join(f"{name}.wav, 第{name}, 句\n" for name in names))
    code, out, _ = run("-w", cut.root, "import", table, "--json")
    assert code == 0
    assert json.loads(out)["imported"] == 4
    code, out, _ = run("-w", cut.root, "segments", "--state", "accepted", "--json")
    assert json.loads(out)[1]["text"] == "第talk_8_18, 句"
    code, out, _ = run("-w", cut.root, "segments", "--filter", "state:accepted /TALK_(8|16)_/ !24", "--json")
    assert [row["id"] for row in json.loads(out)] == ["talk_8_18", "talk_16_26"]
    code, _, error = run("-w", cut.root, "segments", "--filter", "stat:accepted")
    assert code == 3
    what_why_fix(error)
    assert "only state, flag" in error
    code, out, error = run("-w", cut.root, "split", "--by", "time", "--test", "0.25", "--json")
    assert code == 0, error
    assert json.loads(out)["leak"] == 0
    assert set(json.loads(out)) >= {"train", "test", "leak", "random_leak"}
    code, _, error = run("-w", cut.root, "export")
    assert code == 0, error
    assert (cut.dataset / "test" / "metadata.csv").is_file()


def test_the_app_opens_on_a_folder(tmp_path: Path) -> None:
    opened: list[tuple[Path, AppOptions]] = []

    def open_app(folder: Path, options: AppOptions) -> int:
        opened.append((folder, options))
        return 0

    assert main([str(tmp_path)], open_app) == 0
    assert main(["--ascii", str(tmp_path)], open_app) == 0
    assert main([], open_app) == 0
    assert opened == [
        (tmp_path, AppOptions()),
        (tmp_path, AppOptions(ascii=True)),
        (Path(), AppOptions()),
    ]


def test_every_command_of_the_design_is_there() -> None:
    text = build()[0].format_help()
    commands = "demo init check model add videos fetch segment label segments transcript import export split plan train"
    for command in [*commands.split(), "evaluate", "transcribe", "run", "jobs", "status"]:
        assert f"\n    {command} " in text, command


# -- bad input


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["add", "htp:/nonsense"], "htp:/nonsense"),
        (["add", "nowhere.mp4"], "nowhere.mp4"),
        (["add", "http://127.0.0.1:9/feed.xml"], "does not answer"),
        (["fetch"], "there are no videos yet"),
        (["fetch", "nothing"], "there is no video nothing"),
        (["segment", "nothing"], "nothing"),
        (["import", "nowhere.csv"], "nowhere.csv"),
        (["split"], ""),
        (["train"], "there is nothing to train on"),
        (["evaluate"], ""),
        (["transcribe", "nowhere.mp4"], "nowhere.mp4"),
        (["model", "not a model/at all"], "is not a model id"),
        (["model", "./nowhere"], "nowhere"),
        (["jobs", "--follow", "nothing"], "there is no job nothing"),
        (["transcript", "nothing"], "there is no segment nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_told(workspace: Workspace, run: Run, words: list[str], what: str) -> None:
    code, _, error = run("-w", workspace.root, *words)
    assert code == 3, error
    assert what in error
    what_why_fix(error)


def test_a_model_that_does_not_exist(workspace: Workspace, run: Run) -> None:
    code, _, error = run("-w", workspace.root, "model", "nobody/whisper-nothing")
    assert code == 3
    assert "nobody/whisper-nothing" in error
    what_why_fix(error)
    assert workspace.config().model.base != "nobody/whisper-nothing"


def make(path: Path, kind: str) -> Path:
    if kind == "empty":
        path.touch()
    elif kind == "no media":
        path.write_text("this is a letter, not a recording\n" * 50)
    else:
        from core.media import find_ffmpeg

        source = ["-f", "lavfi", "-i", "color=c=red:s=16x16:d=1"]
        subprocess.run([find_ffmpeg().path, "-v", "error", *source, str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def test_an_error_of_a_job_is_printed_once(workspace: Workspace, run: Run) -> None:
    _, out, error = run("-w", workspace.root, "fetch")
    assert (out + error).count("there are no videos yet") == 1
    (job,) = list_jobs(workspace)
    _, out, error = run("-w", workspace.root, "jobs", "--follow", job.id)
    assert (out + error).count("there are no videos yet") == 1


@pytest.mark.parametrize(
    ("words", "resource"),
    [
        (["fetch", "nothing"], "network"),
        (["captions", "nothing"], "network"),
        (["segment", "nothing"], "disk"),
        (["segment", "--length", "2", "--overlap", "3"], "disk"),
        (["import", "nowhere.csv"], "store"),
        (["export", "/proc/self"], "store"),
        (["split", "--test", "2"], "store"),
        (["model", "not a model/at all"], "hub"),
        (["add", "nowhere.mp4"], "listing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_arguments_are_refused_though_another_job_has_the_resource(
    workspace: Workspace, run: Run, words: list[str], resource: str
) -> None:
    taken = lock.acquire(workspace.jobs / f".{resource}.lock")
    assert taken is not None
    code, _, error = run("-w", workspace.root, *words)
    assert code == 3
    what_why_fix(error)
    assert list_jobs(workspace) == []
    taken.release()


@pytest.mark.parametrize("kind", ["empty", "no media", "no sound"])
def test_a_file_that_is_no_recording(workspace: Workspace, run: Run, tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / "strange.mp4", kind)
    code, _, error = run("-w", workspace.root, "add", path)
    assert code == 3
    assert "strange.mp4" in error
    what_why_fix(error)
    assert list(workspace.media.iterdir()) == []
    with Store(workspace.db_path) as store:
        assert store.videos.all() == []


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"file_name,transcription\ntalk_0_10.wav,\xff\xfe\xfa\xc0\x81\n", "encod"),
        (b"\x00\x01\x02\x03" * 200, ""),
    ],
    ids=["wrong bytes", "no text at all"],
)
def test_a_table_that_cannot_be_read(cut: Workspace, run: Run, tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "texts.csv"
    path.write_bytes(content)
    code, _, error = run("-w", cut.root, "import", path)
    assert code == 3
    assert word in error
    what_why_fix(error)


def test_a_byte_order_mark_and_commas_are_borne(cut: Workspace, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_bytes("\ufefffile_name, transcription\r\ntalk_0_10.wav, 好,很,好\r\n".encode())
    code, out, error = run("-w", cut.root, "import", path, "--json")
    assert code == 0, error
    assert json.loads(out)["imported"] == 1
    with Store(cut.db_path) as store:
        segment = store.segments.get("talk_0_10")
        assert segment is not None
        assert segment.text == "好,很,好"


def test_a_folder_that_is_no_workspace(run: Run, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        code, _, error = run("-w", folder, "status")
        assert code == 3
        what_why_fix(error)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_stops_every_command(workspace: Workspace, run: Run) -> None:
    workspace.config_path.write_text("[train]\nepocs = 3\n")
    code, _, error = run("-w", workspace.root, "status")
    assert code == 3
    assert "whispersmith.toml, line 2: train.epocs is not a setting" in error
    assert "did you mean `epochs`?" in error


@pytest.mark.parametrize(
    "words", [["fetch", "--first", "0"], ["fetch", "--nonsense"], ["label", "--by", "words"], ["train", "--steps", "x"]]
)
def test_wrong_usage_is_two(workspace: Workspace, run: Run, words: list[str]) -> None:
    code, _, error = run("-w", workspace.root, *words)
    assert code == 2
    what_why_fix(error)
    assert f"usage: whispersmith {words[0]} " in error
    assert error.splitlines()[0].startswith(f"{words[0]}: ")


def test_usage_errors_hold_no_control_characters_of_strangers(run: Run) -> None:
    code, _, error = run("train", "--steps", "\x1b]0;evil\x07\u202e3")
    assert code == 2
    what_why_fix(error)
    assert not any(unicodedata.category(char) in ("Cc", "Cf") for char in error.replace("\n", ""))


@pytest.mark.parametrize("words", [["lable"], ["lable", "--redo"], ["-w", "train", "lable"]])
def test_a_misspelled_command(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, error = run(*words)
    assert (code, out) == (2, "")
    what_why_fix(error)
    assert "did you mean label?" in error
    # A folder of that name is what is meant.
    (tmp_path / "lable").mkdir()
    assert run("lable")[0] == 0


def test_a_word_that_is_no_command(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, error = run("nonsense")
    assert code == 3
    what_why_fix(error)


def test_an_item_that_fails_is_one(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    talk(tmp_path / "a.wav", 12)
    make(tmp_path / "b.mp4", "empty")
    code, out, error = run("-w", workspace.root, "add", tmp_path / "a.wav", tmp_path / "b.mp4")
    assert code == 1
    assert "1 video added" in out
    assert "b.mp4" in error
    assert "b.mp4" in workspace.log_file.read_text()


# -- on a terminal, as programs


ONE_AFTER_THE_OTHER = """
import sys
from tui.launch import open_app
from core.cli import main
for command in sys.argv[2:]:
    assert main(["-w", sys.argv[1], command], open_app=open_app) == 0
    print("end of", command)
"""


def on_a_terminal(workspace: Workspace, *commands: str) -> dict[str, str]:
    """What each command writes to a terminal of 100 columns; they are called by one program."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    command = [sys.executable, "-c", ONE_AFTER_THE_OTHER, str(workspace.root), *commands]
    # readline, which pytest loads, puts the size of another terminal into the environment of its worker processes.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    program = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=CODE, env=environment)
    os.close(slave)
    written = b""
    # A terminal that nobody writes to any more reads as an error.
    with contextlib.suppress(OSError):
        while more := os.read(master, 4096):
            written += more
    os.close(master)
    assert program.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())
    ends = re.split(r"end of (\w+)\s+", text)
    return dict(zip(ends[1::2], ends[::2], strict=False))


def test_listings_have_heads_on_a_terminal(cut: Workspace) -> None:
    heads = {
        "jobs": "id stage state done started error",
        "status": "stage done due",
        "model": "role model size to label to train where",
        "videos": "id length licence state captions title",
        "segments": "segment state origin flags text",
    }
    written = on_a_terminal(cut, *heads)
    assert {command: text.splitlines()[0].split() for command, text in written.items()} == {
        command: titles.split() for command, titles in heads.items()
    }


# -- jobs from the command line, as programs


def program(workspace: Workspace, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tui.launch", "-w", str(workspace.root), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=CODE,
        env=os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9"},
    )


def test_detach_returns_at_once_and_follow_shows_the_end(workspace: Workspace, tmp_path: Path) -> None:
    talk(tmp_path / "talk.wav")
    out, error = program(workspace, "add", str(tmp_path / "talk.wav"), "--detach").communicate(timeout=60)
    assert "runs as job" in out, error
    (job,) = list_jobs(workspace)
    follow = program(workspace, "jobs", "--follow", job.id)
    follow.communicate(timeout=60)
    assert follow.returncode == 0
    assert list_jobs(workspace)[0].state == "done"


def test_ctrl_c_stops_the_job(workspace: Workspace) -> None:
    media = talk(workspace.media / "long.wav", 1200, 8000)
    with Store(workspace.db_path) as store:
        store.videos.add(Video("long", state="fetched", path=workspace.relative(media), licence="own"))
    running = program(workspace, "segment")
    (workspace.root / "logs").mkdir(exist_ok=True)

    def cutting() -> bool:
        found = [job for job in list_jobs(workspace) if job.stage == "segment"]
        events = EventReader(found[0].folder / "events.jsonl").all() if found else []
        return any(isinstance(entry.event, Item) for entry in events)

    from tests.jobs.conftest import wait_for

    wait_for(lambda: cutting() or any((workspace.segments / "long").glob("*.wav")), 60)
    running.send_signal(signal.SIGINT)
    out, error = running.communicate(timeout=30)
    assert running.returncode == 3, out + error
    assert "was stopped" in error
    assert list_jobs(workspace)[0].state == "cancelled"
