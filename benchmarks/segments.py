"""Cutting a recording: against ffmpeg's own decoding, against the recipe of the reference run, memory, two at once.

    python -m benchmarks.segments [--json] [--rounds N] [AUDIO]
AUDIO: a recording; by default the one in the folder that WHISPERSMITH_SPEECH names, else one that is made. A file of
27 min and one of 3 h are made from it. Ours is the stage `segment` in a process of its own, with wavs, digests and rows
forced to the disk; what it stands against runs in turn with it, and medians count. Exit code 1 where a bound does not
hold.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.report import Figure, report
from core.media import find_ffmpeg
from core.media.sound import Measures
from tests.core.media_kit import babble, make_job, make_workspace, write_wav

MINUTES_27, HOURS_3 = 27 * 60, 3 * 3600
SAMPLES_OF = (0, 8, 800)
"""Seconds at which segments begin whose samples are compared."""


# -- in a process of its own


def cut(files: list[str], *, plain: bool = False, one_core: bool = False) -> dict[str, float]:
    """The stage over recordings in a new workspace: seconds, and peak memory in MiB. plain: nothing is measured."""
    from core.media import speech
    from core.segmentation import writer
    from core.stages import segment

    if one_core:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    if plain:
        speech.SileroScorer = lambda: lambda frames: np.zeros(len(frames), np.float32)  # type: ignore[assignment]
        writer.measure = lambda *_: Measures(0.0, 0.0, 0.0, 0.0)
    with tempfile.TemporaryDirectory(dir=Path(files[0]).parent) as folder:
        workspace, ids = workspace_of(Path(folder), files)
        job = make_job(workspace, "segment", ids=ids)
        begun, cpu_before = time.monotonic(), cpu_seconds()
        result = segment.run(workspace, workspace.config(), job)
        seconds, cpu_s = time.monotonic() - begun, cpu_seconds() - cpu_before
    assert result["failed"] == 0
    return {"s": seconds, "cpu_s": cpu_s, "mib": peak_mib()}


def cpu_seconds() -> float:
    """Of this process and its ended children."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mib() -> float:
    """Of this process alone. Not `ru_maxrss`, which begins with what the parent had when it made this process."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def workspace_of(folder: Path, files: list[str]) -> tuple[Any, list[str]]:
    from core.store import Store, Video

    workspace, ids = make_workspace(folder / "ws"), []
    with Store(workspace.db_path) as store:
        for number, file in enumerate(files):
            media = workspace.media / f"talk{number}{Path(file).suffix}"
            os.link(file, media)
            ids.append(f"talk{number}")
            store.videos.add(Video(ids[-1], title=ids[-1], licence="own", state="fetched"))
            store.videos.update(ids[-1], path=workspace.relative(media), bytes=media.stat().st_size)
    return workspace, ids


def reference(file: str) -> dict[str, float]:
    """As the reference run does it: the whole as a wav, resampled in Python, saved, and cut with pydub's slices, all of
    it in stereo and 32 bits."""
    from core.media import load_pydub

    pydub = load_pydub()
    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        begun = time.monotonic()
        whole = f"{folder}/whole.wav"
        ffmpeg("-i", file, "-vn", whole)
        sound = pydub.AudioSegment.from_file(whole).set_sample_width(4).set_frame_rate(16_000)
        sound.export(f"{folder}/16k.wav", format="wav")
        sound = pydub.AudioSegment.from_file(f"{folder}/16k.wav")
        for start in range(0, len(sound), 8000):
            sound[start : start + 10_000].export(f"{folder}/{start}.wav", format="wav")
        return {"s": time.monotonic() - begun}


def bare() -> dict[str, float]:
    """An interpreter that has loaded nothing."""
    command = [sys.executable, "-c", "print(open('/proc/self/status').read())"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"mib": int(done.stdout.split("VmHWM:")[1].split()[0]) / 1024}


def differing_samples(file: str) -> int:
    """Samples of segments that are not those of ffmpeg's own output for the same span."""
    from core.stages import segment

    command = [find_ffmpeg().path, "-loglevel", "quiet", "-i", file, "-ac", "1", "-ar", "16000", "-f", "s16le", "-"]
    whole = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<i2")
    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        workspace, ids = workspace_of(Path(folder), [file])
        segment.run(workspace, workspace.config(), make_job(workspace, "segment", ids=ids))
        different = 0
        for start in SAMPLES_OF:
            with wave.open(str(workspace.segments / ids[0] / f"{ids[0]}_{start}_{start + 10}.wav")) as cut_one:
                found = np.frombuffer(cut_one.readframes(cut_one.getnframes()), "<i2")
            different += int(np.count_nonzero(found != whole[start * 16_000 : (start + 10) * 16_000]))
    return different


CHILDREN: dict[str, Callable[..., dict[str, float]]] = {"cut": cut, "reference": reference}


def child(name: str, *values: Any, **named: Any) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.segments", "--child", json.dumps([name, values, named])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


# -- what is measured


def ffmpeg(*arguments: str) -> None:
    subprocess.run([find_ffmpeg().path, "-y", "-nostdin", "-loglevel", "quiet", *arguments], check=True)


def decode(file: str) -> dict[str, float]:
    begun, cpu_before = time.monotonic(), cpu_seconds()
    ffmpeg("-i", file, "-ac", "1", "-ar", "16000", "-f", "null", "-")
    return {"s": time.monotonic() - begun, "cpu_s": cpu_seconds() - cpu_before}


def source(given: str | None, folder: Path) -> str:
    """The recording to measure with."""
    if given:
        return os.path.abspath(given)
    if speech := os.environ.get("WHISPERSMITH_SPEECH"):
        return str(next(Path(speech).glob("*.mp4")).resolve())
    wav = write_wav(folder / "made.wav", np.concatenate([babble(8, seed=n) for n in range(20)]))
    ffmpeg("-i", str(wav), "-ar", "44100", "-ac", "2", "-c:a", "aac", str(folder / "made.mp4"))
    return str(folder / "made.mp4")


def long(file: str, seconds: int, folder: Path) -> str:
    """The recording over and over, so long."""
    made = folder / f"{seconds}{Path(file).suffix}"
    ffmpeg("-stream_loop", "-1", "-i", file, "-t", str(seconds), "-vn", "-c", "copy", str(made))
    return str(made)


def measure(given: str | None, rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="benchmark-segments-") as name:
        folder = Path(name)
        file = source(given, folder)
        short, three_hours = long(file, MINUTES_27, folder), long(file, HOURS_3, folder)
        runs: dict[str, list[dict[str, float]]] = {}
        tasks: dict[str, tuple[int, Callable[[], dict[str, float]]]] = {
            "decode": (rounds, lambda: decode(short)),
            "plain": (rounds, lambda: child("cut", [short], plain=True)),
            "cut": (rounds, lambda: child("cut", [short])),
            "one core": (rounds, lambda: child("cut", [short], one_core=True)),
            "two": (rounds, lambda: child("cut", [short, short])),
            "reference": (min(rounds, 3), lambda: child("reference", short)),
            "decode 3 h": (min(rounds, 3), lambda: decode(three_hours)),
            "plain 3 h": (min(rounds, 3), lambda: child("cut", [three_hours], plain=True)),
            "cut 3 h": (min(rounds, 3), lambda: child("cut", [three_hours])),
        }
        for turn in range(rounds):
            for task, (times, run) in tasks.items():
                if turn < times:
                    runs.setdefault(task, []).append(run())
        different = differing_samples(short)

    def middle(task: str, value: str = "s") -> float:
        return median(run[value] for run in runs[task])

    decoded, hours, alone = middle("decode"), middle("decode 3 h"), middle("one core")
    peak, peak_short = middle("cut 3 h", "mib"), middle("cut", "mib")
    return [
        Figure("27 min against ffmpeg", "s", middle("plain"), decoded, 1.25 * decoded),
        Figure("  with speech share and levels", "s", middle("cut"), decoded, 1.6 * decoded),
        Figure("  the same in CPU time", "s", middle("cut", "cpu_s"), middle("decode", "cpu_s")),
        Figure("3 h against ffmpeg", "s", middle("plain 3 h"), hours, 1.6 * hours),
        Figure("  with speech share and levels", "s", middle("cut 3 h"), hours, 1.6 * hours),
        Figure("peak of 3 h against 27 min", "MiB", peak, peak_short, 1.1 * peak_short),
        Figure("  and above the bare interpreter", "MiB", peak - bare()["mib"], None, 150),
        # Like for like: neither measures anything.
        Figure(
            "27 min against the reference recipe", "s", middle("plain"), middle("reference"), middle("reference") / 3
        ),
        # Alone on all cores a recording has most of two already: the throughput of one is that of one core.
        Figure("two at once, for each, against one core", "s", middle("two") / 2, alone, alone / 1.4),
        Figure("  against one after the other, all cores", "s", middle("two"), 2 * middle("cut")),
        Figure("samples that are not ffmpeg's own", "", different, None, 0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", nargs="?", metavar="AUDIO")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        name, values, named = json.loads(arguments.child)
        print(json.dumps(CHILDREN[name](*values, **named)))
        return 0
    figures = measure(arguments.audio, arguments.rounds)
    return report("Cutting a recording", "plain", figures, as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
