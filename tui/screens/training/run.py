"""One training run as its event log tells it: what the screen shows of it, without an app."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from core.dataset.lineage import MeasuredOn
from core.events import Cancelling, Evaluated, Finished, JobState, LogLine, Metric, RunStarted, Sample, Saved
from core.jobs import JobView
from core.jobs.event_line import LogEntry
from core.text import percent, plural
from core.typed_json import Count, Number
from tui.bridge import LOG_LINES, JobBatch, history
from tui.screens.training.curve import MetricCurve
from tui.widgets import marks

STATES: dict[JobState, tuple[str, str]] = {
    JobState.WAITING: ("waiting", "waits for the GPU"),
    JobState.RUNNING: ("running", "running"),
    JobState.STUCK: ("look", "gives no sign of life"),
    JobState.DONE: ("done", "done"),
    JobState.FAILED: ("failed", "failed"),
    JobState.CANCELLED: ("look", "stopped"),
    JobState.CRASHED: ("failed", "crashed"),
}
"""Sign (tui/marks.py) and words of each state of a job."""


@dataclass(frozen=True)
class TrainParams:
    """What a training was asked for, as far as it is shown."""

    name: str | None = None


@dataclass(frozen=True)
class TrainResult:
    """What a training returned, as far as it is shown (core/stages/train.py). Error rates are fractions."""

    name: str = ""
    path: str = ""
    steps: Count = 0
    cer: Number | None = None
    base_cer: Number | None = None
    on: MeasuredOn | None = None
    eval_segments: Count | None = None


def name_of(view: JobView) -> str:
    """The run's name as job or person gave it; "" where neither did."""
    return view.result_as(TrainResult).name or view.params_as(TrainParams).name or ""


@dataclass
class SegmentSample:
    """One held segment: what is said there, and what was heard at the first and at the newest evaluation."""

    segment: str
    truth: str
    first: tuple[int, str]
    last: tuple[int, str]


@dataclass
class TrainingRun:
    """A run, fed with batches in order. Losses are as the trainer says them, error rates fractions."""

    view: JobView
    curve: MetricCurve = field(default_factory=MetricCurve)
    measured: list[tuple[int, float]] = field(default_factory=list)
    """(step, CER) of each evaluation."""
    samples: dict[str, SegmentSample] = field(default_factory=dict)
    log: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    """Its last lines; `logged` counts all that there were."""
    logged: int = 0
    saved: tuple[int, str] | None = None
    """(step, path) of the newest checkpoint, or of the finished model."""
    step: int = 0
    total: int | None = None
    left_s: float | None = None
    started_name: str = ""
    resumed_from: int | None = None
    """The step it went on from; what happened before it stands in the logs of earlier jobs."""
    measures_anew: bool = False
    """Error rates and samples of earlier jobs are of other segments."""
    measured_set: str = ""
    """`12 validation segments`: what the error rates were measured on."""
    is_only_shown: bool = False
    """Those are test segments: no checkpoint is chosen by them."""

    def handle(self, batch: JobBatch) -> None:
        """Take a batch in."""
        self.view, self.left_s = batch.view, batch.left_s
        for entry in batch.entries:
            self._handle_entry(entry)
        if batch.progress is not None and batch.progress.unit == "step":
            self._advance(int(batch.progress.done), batch.progress.total)

    def _handle_entry(self, entry: LogEntry) -> None:
        match entry.event:
            case RunStarted() as run:
                self.started_name, self.resumed_from = run.name, run.resumed_from
                self.measures_anew = run.measures_anew
                self._advance(run.resumed_from or 0, run.steps)
            case Metric() as metric:
                self.curve.append(metric)
                self._advance(metric.step, metric.total)
            case Evaluated() as evaluated:
                self._evaluated(entry.t, evaluated)
            case Sample() as sample:
                self._sample(sample)
            case Saved() as saved:
                self.saved = (saved.step, saved.path)
                self._log(entry.t, f"step {saved.step} saved in {saved.path}")
            case LogLine(text=text, level=level):
                self._log(entry.t, text if level == "info" else f"{level}: {text}")
            case Cancelling():
                self._log(entry.t, "asked to stop: it ends after this step, with a checkpoint")
            case Finished(outcome=outcome):
                self._log(entry.t, STATES[JobState(outcome)][1])
            case _:
                pass

    def _advance(self, step: int, total: float | None) -> None:
        self.step = max(self.step, step)
        self.total = int(total) if total else self.total

    def _evaluated(self, at: int, evaluated: Evaluated) -> None:
        step, cer, seconds = evaluated.step, evaluated.cer, evaluated.seconds
        self.measured_set = segments_of(evaluated.segments, evaluated.on) or self.measured_set
        self.is_only_shown |= evaluated.on == "test"
        if cer is None:
            return
        # The last step may be measured twice.
        self.measured = [*((s, c) for s, c in self.measured if s != step), (step, cer)]
        took = f" in {seconds:.0f} s" if seconds and seconds >= 1 else ""
        self._log(at, f"step {step} measured{took}: CER {percent(cer)}")

    def _sample(self, sample: Sample) -> None:
        now, old = (sample.step, sample.hypothesis), self.samples.get(sample.segment)
        first = old.first if old else now
        self.samples[sample.segment] = SegmentSample(sample.segment, sample.reference, first, now)

    def _log(self, at: int, text: str) -> None:
        """at: ms since 1970."""
        self.log.append(f"{time.strftime('%H:%M:%S', time.localtime(at / 1000))}  {text}")
        self.logged += 1

    def continue_from(self, earlier: Sequence[TrainingRun]) -> None:
        """Put what earlier jobs of this run did (the newest first) before the step it went on from in front; error
        rates and samples only as far as they are of the same segments."""
        until, same_set = self.resumed_from, not self.measures_anew
        for before in earlier:
            if until is None or before.name != self.name:
                break
            first = min([until, *(metric.step - 1 for metric in self.curve.points)])
            self.curve.put_before([metric for metric in before.curve.points if metric.step <= first])
            if same_set:
                self._add_measured(before, until)
            until, same_set = before.resumed_from, same_set and not before.measures_anew

    def _add_measured(self, before: TrainingRun, until: int) -> None:
        self.measured_set = self.measured_set or before.measured_set
        self.is_only_shown |= before.is_only_shown
        seen = {step for step, _ in self.measured}
        rates = [(step, cer) for step, cer in before.measured if step <= until and step not in seen]
        self.measured = sorted([*rates, *self.measured])
        for id, sample in before.samples.items():
            last = self.samples[id].last if id in self.samples else sample.last
            self.samples[id] = SegmentSample(id, sample.truth, sample.first, last)

    # -- what is made of it

    @property
    def name(self) -> str:
        """The run's name: given, found by the job, in its result or in the path of a checkpoint; "" while unknown.

        Jobs of earlier versions do not say it before they have saved something.
        """
        given = self.started_name or name_of(self.view)
        if given or self.saved is None:
            return given
        parts = PurePosixPath(self.saved[1]).parts
        return parts[1].removeprefix(".") if len(parts) > 1 else ""

    @property
    def title(self) -> str:
        return self.name or time.strftime("run of %Y-%m-%d %H:%M", time.localtime(self.view.created / 1000))

    @property
    def has_checkpoint(self) -> bool:
        """Something was saved, by this job or by the one it went on from."""
        return self.saved is not None or self.resumed_from is not None

    @property
    def steps_made(self) -> int:
        return max(self.step, self.view.result_as(TrainResult).steps)

    @property
    def base_cer(self) -> float | None:
        found = self.view.result_as(TrainResult).base_cer
        return found if found is not None else next((cer for step, cer in self.measured if step == 0), None)

    @property
    def cer(self) -> float | None:
        """The newest one of a step that was trained."""
        return next((cer for step, cer in reversed(self.measured) if step > 0), None)

    @property
    def best(self) -> tuple[int, float] | None:
        """(step, CER) of the lowest so far of the steps that were trained, which is kept; None before two were
        measured, and where the last one is kept."""
        trained = [(step, cer) for step, cer in self.measured if step > 0 and not self.is_only_shown]
        return min(trained, key=lambda one: (one[1], one[0])) if len(trained) > 1 else None

    @property
    def state(self) -> tuple[str, str]:
        return STATES[self.view.state]

    def where(self) -> str:
        """`step 31/55  epoch 3.4`; while nothing has begun, what is being done."""
        if not self.total:
            return self.view.note or "starting"
        epoch = self.curve.newest.epoch if self.curve.newest else None
        said = f"step {self.step}/{self.total}"
        said += f"  epoch {epoch:.1f}" if epoch is not None else ""
        return said + (f"  {self.view.note}" if self.view.live and self.view.note else "")

    def speed(self) -> str:
        """`5.3 segments/s`; "" for a run that has ended."""
        last = self.curve.newest.samples_per_second if self.curve.newest and self.view.live else None
        return f"{last:.1f} segments/s" if last is not None else ""

    def figures(self, wide: bool = True) -> str:
        """`loss 0.412  CER 14.2 % (base 18.6 %, best 13.9 % at step 28) of 12 validation segments`, without the best if
        narrow."""
        last = self.curve.newest or Metric(0)
        parts = [f"loss {last.loss:.3f}" if last.loss is not None else "loss -"]
        held = [f"base {percent(self.base_cer)}"] if self.base_cer is not None else []
        if wide and self.best is not None:
            held.append(f"best {percent(self.best[1])} at step {self.best[0]}")
        base = f" ({', '.join(held)})" if held else ""
        measured = f" of {self.measured_set}" if self.measured_set else ""
        cer = percent(self.cer) if self.cer is not None else "-"
        parts.append(f"CER {cer}{base}{measured if self.measured else ''}")
        return "  ".join(parts)

    def next_step(self) -> str:
        """How to go on with a run that has ended; "" for a live one."""
        resume = f"r goes on from step {self.saved[0]}" if self.saved else ""
        match self.view.state:
            case JobState.DONE:
                path = self.view.result_as(TrainResult).path or "models/"
                return f"the model is in {path}; 6 Results compares it, e extends"
            case JobState.CANCELLED:
                return resume or "nothing was saved yet; esc shows the plan, enter starts"
            case JobState.FAILED:
                return f"mend that, then {resume}" if resume else "mend that; esc shows the plan"
            case JobState.CRASHED:
                return resume or "nothing was saved yet; esc shows the plan, enter starts"
            case _:
                return ""


def earlier_of(views: Sequence[JobView], run: TrainingRun) -> list[TrainingRun]:
    """The jobs in which this run was trained before it was stopped, newest first, read from their logs.

    Call it in a thread. views: the training jobs, newest first.
    """
    found = []
    older = itertools.dropwhile(lambda view: view.folder != run.view.folder, views)
    for view in itertools.islice(older, 1, None):
        earlier = TrainingRun(view)
        for batch in history(view.folder):
            earlier.handle(batch)
        if earlier.name == run.name:
            found.append(earlier)
            if earlier.resumed_from is None:
                break
    return found


def segments_of(count: int | None, part: str | None) -> str:
    """`12 validation segments`; "" where nothing was measured. Logs of earlier versions tell no count."""
    if not part:
        return ""
    return plural(count, f"{part} segment") if count else f"{part} segments"


def label_of(view: JobView, name: str, ascii: bool) -> str:
    """A line for the list of runs: `✓ 11-22 18:04  run-01  done  CER 11.3 % of 12 validation segments`."""
    sign, words = STATES[view.state]
    when = time.strftime("%m-%d %H:%M", time.localtime(view.created / 1000))
    result = view.result_as(TrainResult)
    measured = segments_of(result.eval_segments, result.on)
    rate = f"CER {percent(result.cer)}{f' of {measured}' if measured else ''}" if result.cer is not None else ""
    return "  ".join(part for part in (marks.mark(sign, ascii), when, name, words, rate) if part)


def nan_for(value: float | None) -> float:
    """A gap in the line where the trainer had no finite number."""
    return float("nan") if value is None else value
