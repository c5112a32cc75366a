"""Jobs as real processes: they run, fail, queue, are stopped, are killed, and are seen for what they are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import UserError
from core.events import Event, Finished, JobState, Progress, Started, Waiting
from core.jobs import EventReader, find_job, list_jobs, lock, spawn, stop
from core.jobs.attach import JobView, view
from core.jobs.lock import mark_of
from core.jobs.status import Phase, read_status
from core.workspace import Workspace
from tests.jobs.conftest import process_of, wait_for

LONG = {"steps": 1000, "each": 0.05}


def state(folder: Path) -> JobState:
    seen = view(folder)
    assert seen is not None
    return seen.state


def steps(folder: Path) -> float:
    progress = read_status(folder).progress
    return progress.done if progress else 0


def ended(folder: Path) -> JobView:
    wait_for(lambda: not state(folder).live)
    seen = view(folder)
    assert seen is not None
    return seen


def kinds(folder: Path) -> list[type[Event]]:
    return [type(entry.event) for entry in EventReader(folder / "events.jsonl").all()]


def test_a_job_runs_to_its_end(workspace: Workspace) -> None:
    job = ended(spawn(workspace, "nap", {"steps": 3}))
    assert (job.state, job.share, job.result) == ("done", 1.0, {"done": [0, 1, 2], "resumed": 0, "cuda": ""})
    entries = EventReader(job.folder / "events.jsonl").all()
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert kinds(job.folder) == [Started, Finished]
    assert job.progress == Progress(3, 3, "step")
    assert json.loads((job.folder / "spec.json").read_text())["params"] == {"steps": 3}


def test_it_has_a_session_of_its_own_and_no_terminal(workspace: Workspace) -> None:
    folder = spawn(workspace, "nap", LONG)
    assert os.getsid(process_of(folder)) == process_of(folder) != os.getsid(0)
    assert os.readlink(f"/proc/{process_of(folder)}/fd/0") == "/dev/null"
    assert os.readlink(f"/proc/{process_of(folder)}/fd/1") == str((folder / "output.log").resolve())
    stop(folder)


def test_a_failure_is_told_in_words(workspace: Workspace) -> None:
    job = ended(spawn(workspace, "nap", {"fail": True}))
    assert job.state == "failed"
    assert job.error is not None
    assert (job.error.what, job.error.why, job.error.fix) == ("it failed", "because", "do that")
    assert "it failed" in workspace.log_file.read_text()


def test_a_bug_is_a_failure_with_its_traceback_in_the_output(workspace: Workspace) -> None:
    job = ended(spawn(workspace, "nap", {"broken": True}))
    assert job.state == "failed"
    assert job.error is not None
    assert "ZeroDivisionError" in job.error.why
    assert "output.log" in job.error.fix
    assert "Traceback" in (job.folder / "output.log").read_text()


def test_items_that_fail_do_not_stop_the_rest(workspace: Workspace) -> None:
    job = ended(spawn(workspace, "nap", {"items": ["a", "b"], "steps": 1}))
    assert (job.state, job.failed) == ("done", 2)
    log = workspace.log_file.read_text()
    assert "a: a failed - its own why - its own fix" in log


@pytest.mark.parametrize("stubborn", [False, True], ids=["a stage that looks", "a stage that sleeps 30 s"])
def test_a_cancel_ends_within_a_second(workspace: Workspace, stubborn: bool) -> None:
    folder = spawn(workspace, "nap", {"steps": 10, "each": 30, "stubborn": stubborn})
    wait_for(lambda: read_status(folder).phase == Phase.RUNNING)
    begun = time.monotonic()
    stop(folder)
    wait_for(lambda: Finished in kinds(folder))
    assert time.monotonic() - begun < 1.0
    assert ended(folder).state == "cancelled"


def test_a_cancel_takes_the_children_along(workspace: Workspace, tmp_path: Path) -> None:
    told = tmp_path / "child"
    folder = spawn(workspace, "nap", {**LONG, "child": str(told)})
    wait_for(lambda: told.exists() and told.read_text())
    child = int(told.read_text())
    assert mark_of(child) is not None
    stop(folder)
    wait_for(lambda: mark_of(child) is None, timeout=5)


def test_sigterm_is_a_cancel(workspace: Workspace) -> None:
    folder = spawn(workspace, "nap", LONG)
    os.kill(process_of(folder), signal.SIGTERM)
    assert ended(folder).state == "cancelled"


def test_a_killed_job_is_a_crash_and_the_next_one_goes_on(workspace: Workspace) -> None:
    folder = spawn(workspace, "nap", {"steps": 40, "each": 0.05})
    mark = workspace.root / "mark.txt"
    wait_for(lambda: mark.exists() and len(mark.read_text().splitlines()) >= 5)
    os.kill(process_of(folder), signal.SIGKILL)
    job = ended(folder)
    assert job.state == "crashed"
    assert job.error is not None
    assert "goes on where it was" in job.error.fix
    had = len(mark.read_text().splitlines())
    again = ended(spawn(workspace, "nap", {"steps": 40, "each": 0}))
    assert again.state == "done"
    assert again.result["resumed"] == had
    assert [int(line.split()[0]) for line in mark.read_text().splitlines()] == list(range(40))


def test_a_long_last_word_is_heard(workspace: Workspace) -> None:
    folder = ended(spawn(workspace, "nap", {"steps": 1})).folder
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    last = json.loads(lines[-1]) | {"result": {"text": "長" * 200_000}}
    lines[-1] = (json.dumps(last, ensure_ascii=False) + "\n").encode()
    (folder / "events.jsonl").write_bytes(b"".join(lines))
    seen = view(folder)
    assert seen is not None
    assert (seen.state, len(seen.result["text"])) == ("done", 200_000)


def test_a_torn_last_line_is_borne(workspace: Workspace) -> None:
    folder = ended(spawn(workspace, "nap", {"steps": 1})).folder
    reader = EventReader(folder / "events.jsonl")
    whole = len(reader.all())
    with (folder / "events.jsonl").open("ab") as file:
        file.write(b'{"v":1,"seq":99,"t":1,"kind":"progr')
    assert reader.read() == ([], False)
    assert len(EventReader(folder / "events.jsonl").all()) == whole
    with (folder / "events.jsonl").open("ab") as file:
        file.write(b'ess"}\n')
    assert [event.seq for event in reader.read()[0]] == [99]


def test_jobs_on_one_resource_queue_and_others_run_beside(workspace: Workspace) -> None:
    first = spawn(workspace, "nap", LONG)
    wait_for(lambda: state(first) == "running")
    second = spawn(workspace, "nap", {"steps": 1})
    beside = spawn(workspace, "doze", {"steps": 1})
    wait_for(lambda: state(second) == "waiting")
    assert ended(beside).state == "done"
    assert state(second) == "waiting"
    stop(first)
    wait_for(lambda: state(second) == "done")
    assert Waiting in kinds(second)


def test_arguments_are_refused_at_once_though_the_resource_is_taken(workspace: Workspace) -> None:
    gpu = lock.acquire(workspace.jobs / ".gpu.lock")
    assert gpu is not None
    refused = ended(spawn(workspace, "nap", {"refuse": True}))
    assert (refused.state, refused.error) == (
        "failed",
        UserError("that cannot be", "it is refused", "ask for something else"),
    )
    assert Waiting not in kinds(refused.folder)
    gpu.release()


def test_a_waiting_job_can_be_stopped(workspace: Workspace) -> None:
    first = spawn(workspace, "nap", LONG)
    wait_for(lambda: state(first) == "running")
    second = spawn(workspace, "nap", {"steps": 1})
    wait_for(lambda: state(second) == "waiting")
    stop(second)
    wait_for(lambda: state(second) == "cancelled")
    assert state(first) == "running"


def test_a_crash_frees_the_resource(workspace: Workspace) -> None:
    first = spawn(workspace, "nap", LONG)
    wait_for(lambda: state(first) == "running")
    os.kill(process_of(first), signal.SIGKILL)
    assert ended(spawn(workspace, "nap", {"steps": 1})).state == "done"


def test_the_job_outlives_who_started_it(workspace: Workspace) -> None:
    """The starter's whole session is hung up, as a dropped SSH line does it; the job works on, and is found again."""
    code = (
        "import sys, time; from core.workspace import Workspace; from pathlib import Path\n"
        "from core.jobs import spawn; from core.stage import STAGES, Stage\n"
        "STAGES['nap'] = Stage('nap', resource='gpu')\n"
        f"print(spawn(Workspace(Path({str(workspace.root)!r})), 'nap', {LONG!r}), flush=True); time.sleep(300)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert starter.stdout is not None
    folder = Path(starter.stdout.readline().strip())
    os.killpg(starter.pid, signal.SIGHUP)
    starter.wait(10)
    starter.stdout.close()
    before = steps(folder)
    wait_for(lambda: steps(folder) > before + 3)
    assert find_job(workspace, folder.name.rpartition("-")[2]).state == "running"
    stop(folder)
    assert ended(folder).state == "cancelled"


def test_a_silent_live_job_is_stuck(workspace: Workspace) -> None:
    folder = spawn(workspace, "nap", LONG)
    wait_for(lambda: state(folder) == "running")
    os.kill(process_of(folder), signal.SIGSTOP)
    status = json.loads((folder / "status.json").read_text()) | {"heartbeat": int(time.time() * 1000) - 60_000}
    (folder / "status.json").write_text(json.dumps(status))
    assert state(folder) == "stuck"
    os.kill(process_of(folder), signal.SIGCONT)
    wait_for(lambda: state(folder) == "running")
    stop(folder)


def test_jobs_are_listed_newest_first_and_strange_folders_are_passed_over(workspace: Workspace) -> None:
    first = ended(spawn(workspace, "nap", {"steps": 1}))
    second = ended(spawn(workspace, "nap", {"steps": 1}))
    (workspace.jobs / "notes").mkdir()
    assert [job.id for job in list_jobs(workspace)] == [second.id, first.id]
    with pytest.raises(UserError, match="there is no job nothing"):
        find_job(workspace, "nothing")


def test_an_unknown_stage_is_refused_before_anything_is_made(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="there is no stage fly"):
        spawn(workspace, "fly")
    assert list_jobs(workspace) == []
