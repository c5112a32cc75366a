"""Trials in processes that share the GPU. Each result is written as soon as it is there."""

from __future__ import annotations

import argparse
import fcntl
import gzip
import json
import multiprocessing
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from benchmarks.window_trials import measure
from benchmarks.window_trials.bundle import Bundle, read
from benchmarks.window_trials.hear import between, heard
from benchmarks.window_trials.split import TEST, fold
from benchmarks.window_trials.train import tune
from benchmarks.window_trials.trials import ALPHAS, BASE, MixTrial, trials
from core.engines import decoding
from core.whisper.loading import LoadedModel, load

RESULTS = "results.jsonl.gz"
TOKENS_PER_SECOND = 8
"""A loop is cut off earlier than in labelling, for all trials alike: people speak at most 6.7 tokens a second here."""

GRACE_S = 75
BEAM = 5


def run(options: argparse.Namespace) -> None:
    """Until the time is over or every trial is done."""
    begun = time.monotonic()
    say = _teller(begun)
    say(f"torch {torch.__version__}, {options.workers} processes, {options.seconds} s")
    options.out.mkdir(parents=True, exist_ok=True)
    context = _context()
    wanted = list(islice(trials(), options.most))
    if options.mini:
        wanted = [MixTrial("no such mix", TEST), MixTrial("thirds t50", TEST, windows=2, batch=1), MixTrial(BASE, TEST)]
    place, measured = context.Value("i", 0), context.Event()
    with tempfile.TemporaryDirectory() as work:
        bundle = read(options.bundle, Path(work))
        if options.mini:
            bundle = _mini(bundle)
        say(f"{len(bundle.rows)} rows, {[len(one) for one in bundle.windows]} windows, {len(wanted)} trials")
        arguments = (options, bundle, wanted, place, measured, begun)
        workers = [context.Process(target=_work, args=(number, *arguments)) for number in range(options.workers)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(max(1.0, begun + options.seconds + GRACE_S - time.monotonic()))
        late = [worker for worker in workers if worker.is_alive()]
        for worker in late:
            worker.kill()
        say(f"{place.value} trials begun, {len(late)} processes broken off, exits {[one.exitcode for one in workers]}")


def _context() -> Any:
    """Forked processes need not import torch again; where something has begun CUDA already, new ones have to."""
    context = multiprocessing.get_context("fork")
    probe = context.Process(target=_touch_gpu)
    probe.start()
    probe.join(60)
    if probe.exitcode == 0:
        return context
    probe.kill()
    return multiprocessing.get_context("spawn")


def _touch_gpu() -> None:
    if torch.cuda.is_available():
        torch.zeros(1, device="cuda")
    elif torch.version.cuda:
        sys.exit(1)


def _mini(bundle: Bundle) -> Bundle:
    """Small enough for two cores: one place, few rows."""
    return Bundle(bundle.model, bundle.samples, bundle.rows[::10], bundle.windows[:1], bundle.script)


def _teller(begun: float) -> Callable[[str], None]:
    return lambda text: print(f"{time.monotonic() - begun:7.1f} s  {text}", file=sys.stderr, flush=True)


def _work(
    number: int,
    options: argparse.Namespace,
    bundle: Bundle,
    wanted: list[MixTrial],
    place: Any,
    measured: Any,
    begun: float,
) -> None:
    say, out = _teller(begun), options.out / RESULTS
    decoding.TOKENS_PER_SECOND = 1 if options.mini else TOKENS_PER_SECOND
    torch.set_num_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = True
    loaded = load(str(bundle.model), dtype="float32")
    base = {name: one.clone() for name, one in loaded.model.state_dict().items()}
    say(f"process {number} is ready: {loaded.device}")
    if number == 0 and not options.mini:
        _measured(measure.rows_a_second(loaded, bundle), out, say)
    if number == 0:
        measured.set()
        if not options.mini:  # torch counts for each process, so that the others need not wait
            _measured(measure.peaks(loaded.device), out, say)
    measured.wait(timeout=60)
    while time.monotonic() - begun < options.seconds:
        with place.get_lock():
            mine, place.value = place.value, place.value + 1
        if mine >= len(wanted):
            return
        trial, started = wanted[mine], time.monotonic()
        try:
            result = _result(loaded, base, bundle, trial, mini=options.mini)
        except Exception:  # noqa: BLE001 - one trial that fails costs no other
            say(f"FAILED {trial.name}\n{traceback.format_exc()}")
            _write(out, {"trial": asdict(trial), "error": traceback.format_exc()})
            torch.cuda.empty_cache()
            continue
        took = round(time.monotonic() - started, 1)
        _write(out, {"trial": asdict(trial), "seconds": took, **result})
        say(f"{took:5.1f} s  {trial.name}: {_shown(result)}")


def _measured(found: Iterator[dict[str, Any]], out: Path, say: Callable[[str], None]) -> None:
    try:
        for one in found:
            _write(out, one)
            say(json.dumps(one))
    except Exception:  # noqa: BLE001 - what cannot be measured costs no trial
        say(traceback.format_exc())


def _result(
    loaded: LoadedModel, base: dict[str, torch.Tensor], bundle: Bundle, trial: MixTrial, *, mini: bool
) -> dict[str, Any]:
    parted = fold(bundle.rows, trial.part, *((2,) if mini else ()))
    loaded.model.load_state_dict(base)
    if trial.mix == BASE:
        found = [{"alpha": 0.0, **heard(loaded, bundle, parted, beam=beam)} for beam in (1, BEAM)]
        return {"heard": found}
    learnt = tune(loaded, parted.learnt, trial)
    tuned = {name: one.clone() for name, one in loaded.model.state_dict().items()}
    found = []
    for alpha in ALPHAS[-2:] if mini else ALPHAS:
        loaded.model.load_state_dict(between(base, tuned, alpha))
        found.append({"alpha": alpha, **heard(loaded, bundle, parted, beam=1)})
    best = min(found, key=lambda one: one["chosen_by_whole"])["alpha"]
    beams = sorted({best, 1.0} | ({0.5} if best == 1.0 and trial.part == TEST else set()))
    for alpha in beams:
        loaded.model.load_state_dict(between(base, tuned, alpha))
        found.append({"alpha": alpha, **heard(loaded, bundle, parted, beam=BEAM)})
    return {"learnt": asdict(learnt), "best": best, "heard": found}


def _shown(result: dict[str, Any]) -> str:
    parts = [
        f"α{one['alpha']:g} b{one['beam']} whole {one['held_out_whole']}"
        + (f" clips {one['held_out_clips']}" if "held_out_clips" in one else "")
        for one in result["heard"]
    ]
    learnt = result.get("learnt")
    told = f"{learnt['seconds']} s, loss {learnt['first_loss']} → {learnt['last_loss']}; " if learnt else ""
    return told + ", ".join(parts)


def _write(path: Path, one: dict[str, Any]) -> None:
    """A line more, as a member of the gzip file: whole, whoever else writes, and whatever ends the process after it."""
    line = gzip.compress(json.dumps(one, ensure_ascii=False).encode() + b"\n")
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line)
