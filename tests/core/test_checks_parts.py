"""Single checks: downloads, hub, disk, models, login session, terminal, and how packages get in."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.checks import disk, downloads, installing, models, terminal, torch
from core.checks.check import Context, ok
from core.checks.disk import check_disk
from core.checks.downloads import check_ejs, check_javascript, check_ytdlp, requirement, satisfies
from core.checks.hub import check_huggingface
from core.checks.machine import Machine
from core.checks.session import check_logind
from core.config import Config
from core.gpu import Gpu
from core.store import Store, Video
from core.workspace import create
from tests.fakes import nvml


@pytest.fixture(autouse=True)
def no_real_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, no token, no proxy, and a hub that refuses."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("core.checks.hub._token", lambda: None)


def context(tmp_path: Path) -> Context:
    return Context(None, Config(), Machine(nvml.make_root(tmp_path / "root", bus=False)))


# -- yt-dlp, its scripts, its runtime


def test_ytdlp_says_its_age_and_warns_where_it_is_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for days, verdict in ((10, "ok"), (95, "warn")):
        version = (date.today() - timedelta(days)).strftime("%Y.%m.%d")
        monkeypatch.setattr(downloads, "installed", lambda _, version=version: f"{version}.232815.dev0")
        found = check_ytdlp(context(tmp_path))
        assert found.verdict == verdict
        assert f"{days} days old" in found.found
        assert bool(found.fix) is (verdict == "warn")
    assert found.fix.endswith('install -U "yt-dlp[default,deno]"')


def test_the_floors_are_those_that_ytdlp_itself_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "certifi; extra == 'default'",
        "yt-dlp-ejs==0.9.0 ; extra == 'default'",
        'deno==3.1.4; extra == "pin-deno"',
        "deno (>=3.0.1,<4) ; extra == 'deno'",
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda _: lines)
    assert requirement("yt-dlp", "yt-dlp-ejs") == "==0.9.0"
    assert requirement("yt-dlp", "deno") == ">=3.0.1,<4"
    assert requirement("yt-dlp", "certifi") == ""
    assert requirement("yt-dlp", "nothing") == ""


@pytest.mark.parametrize(
    ("version", "wanted", "met"),
    [
        ("2.9.8", ">=2.6.6", True),
        ("2.10.0", ">=2.9.8", True),
        ("2.9", ">=2.9.0", True),
        ("2.9.7", ">=2.9.8", False),
        ("0.8.0", "==0.8.0", True),
        ("0.8.1", "==0.8.0", False),
        ("4.0", ">=3,<4", False),
        ("1.0", "", True),
        ("1.0", "~=0.9", True),
    ],
)
def test_versions_against_what_is_wanted(version: str, wanted: str, met: bool) -> None:
    assert satisfies(version, wanted) is met


def test_scripts_of_another_version_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_ejs(context(tmp_path)).verdict == "ok"
    monkeypatch.setattr(downloads, "installed", lambda _: "0.7.0")
    found = check_ejs(context(tmp_path))
    wanted = requirement("yt-dlp", "yt-dlp-ejs")
    assert (found.verdict, found.found) == ("fail", f"0.7.0, but this yt-dlp takes {wanted} only")
    monkeypatch.setattr(downloads, "installed", lambda _: None)
    assert check_ejs(context(tmp_path)).found == "yt-dlp-ejs is not installed"


def test_the_runtime_is_run_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exe = tmp_path / "deno"
    monkeypatch.setattr("core.sources.ytdlp.find_deno", lambda: str(exe))
    for script, verdict, found in (
        ("echo 'deno 99.1.0 (stable)'", "ok", "deno 99.1.0"),
        ("echo 'deno 1.0.0 (stable)'", "fail", "deno 1.0.0 is too old"),
        ("echo 'GLIBC_2.99 not found' >&2; exit 1", "fail", f"{exe} does not work"),
    ):
        exe.write_text(f"#!/bin/sh\n{script}\n")
        exe.chmod(0o755)
        answer = check_javascript(context(tmp_path))
        assert (answer.verdict, answer.found) == (verdict, found)
    assert answer.why == "GLIBC_2.99 not found"
    exe.unlink()
    assert check_javascript(context(tmp_path)).found == f"{exe} does not start"
    monkeypatch.setattr("core.sources.ytdlp.find_deno", lambda: None)
    assert check_javascript(context(tmp_path)).found == "no deno"


# -- Hugging Face


class Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        good = self.headers.get("authorization") in (None, "Bearer good")
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    yield address
    server.shutdown()
    server.server_close()


def test_a_hub_that_answers_and_what_it_thinks_of_the_token(
    tmp_path: Path, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = check_huggingface(context(tmp_path))
    assert found.verdict == "ok"
    assert found.found.endswith(f"at {hub}, no token (none needed)")
    for token, verdict, end in (("good", "ok", "token valid"), ("bad", "warn", "the token is not valid")):
        monkeypatch.setattr("core.checks.hub._token", lambda token=token: token)
        found = check_huggingface(context(tmp_path))
        assert found.verdict == verdict
        assert found.found.endswith(end)
        assert token not in found.found
    assert found.fix == "hf auth login"


def test_a_hub_out_of_reach_is_a_fault_only_while_a_model_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = check_huggingface(context(tmp_path))
    assert (found.verdict, found.found) == ("fail", "http://127.0.0.1:9 is not reachable")
    assert found.fix == "set HTTPS_PROXY, or HF_ENDPOINT to a mirror"
    monkeypatch.setattr("core.checks.hub.is_here", lambda name, context: True)
    assert check_huggingface(context(tmp_path)).verdict == "warn"


def test_offline_mode_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = check_huggingface(context(tmp_path))
    assert (found.verdict, found.found) == ("fail", "switched off")
    monkeypatch.setattr("core.checks.hub.is_here", lambda name, context: True)
    assert check_huggingface(context(tmp_path)) == ok("offline, as set; both models are here")


# -- disk


def test_the_disk_is_measured_against_what_is_to_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        store.videos.add(Video(id="a", duration_ms=3_600_000))
        store.videos.add(Video(id="b", duration_ms=3_600_000))
        store.videos.add(Video(id="c", duration_ms=3_600_000, state="fetched"))
        store.videos.select(["a", "c"])
    plain = Context(workspace, Config())
    free = {"bytes": 500_000_000_000}
    usage = disk.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage._replace(free=free["bytes"]))
    found = check_disk(plain)
    assert found.verdict == "ok"
    # An hour at 16 kB/s, and cut with a fifth of overlap at 32 kB/s: 3600 * (16 + 40) kB.
    assert found.detail == "to come: models 1.0 GB, a training run 9.7 GB, audio 0.2 GB"
    free["bytes"] = 8_000_000_000
    found = check_disk(plain)
    assert found.verdict == "warn"
    assert found.fix.startswith(f"du -xh {workspace.root}")
    for name, size in ((".~encoded/3f/a.npy", 12_000_000_000), (".run-01/checkpoint-10/optimizer.pt", 300_000_000)):
        file = workspace.models / name
        file.parent.mkdir(parents=True)
        with file.open("wb") as sparse:
            sparse.truncate(size)
    found = check_disk(plain)
    assert found.detail.endswith(
        "; here and only to go on faster: encoders' outputs 12.0 GB, checkpoints of runs 0.3 GB"
    )
    assert found.fix == f"rm -r '{workspace.models / '.~encoded'}'"


# -- the login session


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({}, "ok"),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}, "warn"),
        # What it was built with stands in a comment.
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, "warn"),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=no\n"}, "ok"),
        (
            {
                "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=no\n",
                "usr/lib/systemd/logind.conf.d/50.conf": "[Login]\nKillUserProcesses=yes\n",
            },
            "warn",
        ),
        (
            {
                "usr/lib/systemd/logind.conf.d/50.conf": "[Login]\nKillUserProcesses=yes\n",
                "etc/systemd/logind.conf.d/50.conf": "[Login]\n",
            },
            "ok",
        ),
        (
            {
                "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n",
                "proc/self/cgroup": "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope\n",
            },
            "ok",
        ),
    ],
)
def test_whether_jobs_outlive_the_login(
    tmp_path: Path, files: dict[str, str], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.checks.session._user", lambda: "anna")
    seen = context(tmp_path)
    (tmp_path / "root/run/systemd/system").mkdir(parents=True)
    nvml.write(tmp_path / "root/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-3.scope\n")
    for name, text in files.items():
        nvml.write(tmp_path / "root" / name, text)
    found = check_logind(seen)
    assert found.verdict == verdict
    if verdict == "warn":
        assert found.fix == "loginctl enable-linger && systemd-run --user --scope whispersmith"


def test_root_is_spared_as_logind_does_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = context(tmp_path)
    assert check_logind(seen).found == "no systemd-logind here: jobs outlive the login"
    (tmp_path / "root/run/systemd/system").mkdir(parents=True)
    nvml.write(tmp_path / "root/proc/self/cgroup", "0::/user.slice/user-0.slice/session-3.scope\n")
    nvml.write(tmp_path / "root/etc/systemd/logind.conf", "KillUserProcesses=yes\n")
    monkeypatch.setattr("core.checks.session._user", lambda: "root")
    assert check_logind(seen).verdict == "ok"


# -- the terminal


# fmt: off
@pytest.mark.parametrize(
    ("environment", "size", "width", "verdict", "found", "fix"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "zh_TW.UTF-8"}, (100, 30), None, "ok",
         "100×30, 16 million colours, UTF-8", ""),
        ({"TERM": "xterm-256color", "LC_ALL": "C.utf8", "LANG": "C"}, (100, 30), 1, "ok",
         "100×30, 256 colours, utf8, ─ is 1 cell wide", ""),
        ({"TERM": "xterm", "LANG": "C.UTF-8"}, (100, 30), 2, "warn",
         "100×30, 16 colours, UTF-8, ─ is 2 cells wide", "whispersmith --ascii"),
        ({"TERM": "xterm-256color", "LANG": "zh_TW.Big5"}, (100, 30), None, "warn",
         "100×30, 256 colours, Big5", "export LANG=C.UTF-8"),
        ({"TERM": "xterm-256color"}, (100, 30), None, "warn", "100×30, 256 colours, no encoding set",
         "export LANG=C.UTF-8"),
        ({"TERM": "xterm-256color", "LANG": "C.UTF-8"}, (79, 30), None, "warn", "79×30, 256 colours, UTF-8",
         "make the window larger"),
        ({"TERM": "dumb", "LANG": "C.UTF-8"}, (100, 30), None, "warn", "100×30, no colours, UTF-8",
         "export TERM=xterm-256color"),
        ({}, None, None, "ok", "not a terminal: the command line needs none", ""),
    ],
)
def test_what_the_terminal_can_show(
    environment: dict[str, str], size: tuple[int, int] | None, width: int | None, verdict: str, found: str, fix: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(terminal, "terminal_size", lambda: size)
    monkeypatch.setattr(os, "environ", environment)
    answer = terminal.check_terminal(Context(None, Config(), ambiguous_width=width))
    assert (answer.verdict, answer.found, answer.fix) == (verdict, found, fix)
# fmt: on


# -- installing, and the sum without a GPU


def test_pip_is_named_plainly_only_where_it_is_this_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = tmp_path / "our env/bin", tmp_path / "theirs"
    for folder in (ours, theirs):
        nvml.write(folder / "pip", "#!/bin/sh\n")
        (folder / "pip").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(ours / "python"))
    monkeypatch.setenv("PATH", str(ours))
    assert installing.pip_install() == "pip install"
    monkeypatch.setenv("PATH", str(theirs))
    assert installing.pip_install() == f"'{ours}/python' -m pip install"
    nvml.write(theirs / "uv", "#!/bin/sh\n")
    (theirs / "uv").chmod(0o755)
    monkeypatch.setattr(installing.importlib.util, "find_spec", lambda name: None)
    assert installing.pip_install() == f"uv pip install --python '{ours}/python'"


def test_a_torch_without_cuda_is_caught_by_the_sum_too(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", torch.SUM], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0:
        assert "sum 4.0" in done.stdout  # this machine has a GPU
        return
    from core.gpu import Gpu
    from core.gpu.child import ChildResult

    card = Gpu(0, "GPU-1", "NVIDIA L4", (8, 9), 1, 0, 1, 0, 0, 0.0)
    told = torch.explain_sum(ChildResult(done.returncode, done.stdout, done.stderr), card, context(tmp_path))
    assert (told.verdict, told.found) == ("fail", "L4 does not compute")
    assert told.why


def test_a_child_that_never_ends_is_left_in_time() -> None:
    from core.gpu.child import TimedOut, run

    with pytest.raises(TimedOut):
        run(
            ["-c", "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"], timeout_s=0.5
        )
    assert run(["-c", "import os; print(os.getcwd())"], timeout_s=30).code == 0


@pytest.mark.parametrize(
    ("reply", "width"),
    [
        (b"\x1b[12;2R", 1),
        (b"\x1b[12;3R", 2),
        (b"j\x1b[1;2R", 1),
        (b"nonsense", None),
        (b"", None),
        (b"\x1b[5;70R", None),
    ],
)
def test_the_terminal_is_asked_how_wide_a_line_is(reply: bytes, width: int | None) -> None:
    """A child with a terminal of its own, that answers as the parent says."""
    pid, master = pty.fork()
    if pid == 0:
        width = terminal.ask_ambiguous_width(2.0 if reply.endswith(b"R") else 0.2)
        os.write(1, f"width {width} end\n".encode())  # sys.stdout is pytest's own here
        os._exit(0)
    heard = b""
    try:
        while b"\x1b[6n" not in heard:
            heard += os.read(master, 1000)
        os.write(master, reply)
        while b" end" not in heard:
            heard += os.read(master, 1000)
    finally:
        os.waitpid(pid, 0)
        os.close(master)
    assert f"width {width}".encode() in heard
    assert b"\r\x1b[K" in heard


@pytest.mark.parametrize(
    ("free", "fix"),
    [
        (6_200_000_000, "under [train] in whispersmith.toml: batch = 2, accumulation = "),
        (5_000_000_000, "choose a smaller base model: whispersmith model"),
    ],
)
def test_what_a_card_that_is_too_small_could_train(free: int, fix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Gpu(0, "GPU-1", "Some GPU", (8, 6), 8 * 2**30, 0, free, 0, 40, 10.0)
    monkeypatch.setattr(models, "cards", lambda context: [card])
    answer = models.check_memory(Context(None, Config(), Machine()))
    assert (answer.verdict, answer.fix.startswith(fix)) == ("warn", True), answer
