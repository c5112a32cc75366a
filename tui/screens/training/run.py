"""One training run as its event log tells it: what the screen shows of it, without an app."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from core.jobs import Event, JobView
from tui.bridge import JobBatch, history
from tui.widgets import marks

STATES = {
    "waiting": ("waiting", "waits for the GPU"),
    "running": ("running", "running"),
    "stuck": ("look", "gives no sign of life"),
    "done": ("done", "done"),
    "failed": ("failed", "failed"),
    "cancelled": ("look", "stopped"),
    "crashed": ("failed", "crashed"),
}
"""Sign (tui/marks.py) and words of each state of a job."""

NAME = re.compile(r"^(\S+): \d+ steps on \d+ segments")
"""How a run's first log line begins (core/stages/train.py): the only place where a run without a checkpoint has a
name."""

RESUMED = re.compile(r", going on from step (\d+)")


@dataclass
class Sample:
    """One held segment: what is said there, and what was heard at the first and at the newest evaluation."""

    segment: str
    truth: str
    first: tuple[int, str]
    last: tuple[int, str]


@dataclass
class TrainingRun:
    """A run, fed with batches in order. Losses are as the trainer says them, error rates fractions."""

    view: JobView
    metrics: list[dict[str, Any]] = field(default_factory=list)
    measured: list[tuple[int, float]] = field(default_factory=list)
    """(step, CER) of each evaluation."""
    samples: dict[str, Sample] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    saved: tuple[int, str] | None = None
    """(step, path) of the newest checkpoint, or of the finished model."""
    step: int = 0
    total: int | None = None
    left_s: float | None = None
    logged_name: str = ""
    resumed_from: int | None = None
    """The step it went on from; what happened before it stands in the logs of earlier jobs."""
    on: str = ""
    """What the error rates were measured on: validation (they choose the checkpoint) or test (only shown)."""

    def handle(self, batch: JobBatch) -> list[str]:
        """Take a batch in; returns the new lines of the log."""
        self.view, self.left_s = batch.view, batch.left_s
        before = len(self.log)
        for event in batch.events:
            self._take(event)
        return self.log[before:]

    def _take(self, event: Event) -> None:
        data = event.data
        if event.kind == "metric":
            self.metrics.append(data)
            self._advance(data)
        elif event.kind == "progress" and data.get("unit") == "step":
            self._advance({"step": data.get("done"), "total": data.get("total")})
        elif event.kind == "evaluated":
            self._evaluated(event)
        elif event.kind == "sample":
            self._sample(data)
        elif event.kind == "saved":
            self.saved = (int(data.get("step") or 0), str(data.get("path") or ""))
            self._tell(event, f"step {self.saved[0]} saved in {self.saved[1]}")
        elif event.kind == "log":
            text = str(data.get("text", ""))
            found = NAME.match(text)
            self.logged_name = found.group(1) if found else self.logged_name
            resumed = RESUMED.search(text) if found else None
            self.resumed_from = int(resumed.group(1)) if resumed else self.resumed_from
            self._tell(event, text if data.get("level") in (None, "info") else f"{data['level']}: {text}")
        elif event.kind == "cancelling":
            self._tell(event, "asked to stop: it ends after this step, with a checkpoint")
        elif event.kind == "finished":
            self._tell(event, f"{STATES.get(str(data.get('outcome')), ('', str(data.get('outcome'))))[1]}")

    def _advance(self, data: dict[str, Any]) -> None:
        self.step = max(self.step, int(data.get("step") or 0))
        self.total = int(data["total"]) if data.get("total") else self.total

    def _evaluated(self, event: Event) -> None:
        step, cer, seconds = int(event.data.get("step") or 0), event.data.get("cer"), event.data.get("seconds")
        self.on = str(event.data.get("on") or self.on)
        if cer is None:
            return
        # The last step may be measured twice.
        self.measured = [*((s, c) for s, c in self.measured if s != step), (step, float(cer))]
        took = f" in {seconds:.0f} s" if seconds and seconds >= 1 else ""
        self._tell(event, f"step {step} measured{took}: CER {percent(cer)}")

    def _sample(self, data: dict[str, Any]) -> None:
        id, heard = str(data.get("segment")), (int(data.get("step") or 0), str(data.get("hypothesis", "")))
        old = self.samples.get(id)
        self.samples[id] = Sample(id, str(data.get("reference", "")), old.first if old else heard, heard)

    def _tell(self, event: Event, text: str) -> None:
        self.log.append(f"{time.strftime('%H:%M:%S', time.localtime(event.t / 1000))}  {text}")

    def follow_on(self, earlier: TrainingRun) -> None:
        """Put what an earlier job of the same run did before the step this one went on from in front."""
        if self.resumed_from is None or earlier.name != self.name:
            return
        first = min([self.resumed_from, *(metric["step"] - 1 for metric in self.metrics)])
        self.metrics = [metric for metric in earlier.metrics if (metric.get("step") or 0) <= first] + self.metrics
        seen = {step for step, _ in self.measured}
        before = [(s, c) for s, c in earlier.measured if s <= self.resumed_from and s not in seen]
        self.measured = sorted([*before, *self.measured])
        for id, sample in earlier.samples.items():
            last = self.samples[id].last if id in self.samples else sample.last
            self.samples[id] = Sample(id, sample.truth, sample.first, last)

    # -- what is made of it

    @property
    def name(self) -> str:
        """The run's name: given, found in its log, in its result or in the path of a checkpoint; "" while unknown."""
        given = self.view.params.get("name") or self.view.result.get("name") or self.logged_name
        if given or self.saved is None:
            return str(given or "")
        parts = PurePosixPath(self.saved[1]).parts
        return parts[1].removeprefix(".") if len(parts) > 1 else ""

    @property
    def title(self) -> str:
        return self.name or time.strftime("run of %Y-%m-%d %H:%M", time.localtime(self.view.created / 1000))

    @property
    def base_cer(self) -> float | None:
        found = self.view.result.get("base_cer")
        return found if found is not None else next((cer for step, cer in self.measured if step == 0), None)

    @property
    def cer(self) -> float | None:
        """The newest one of a step that was trained."""
        return next((cer for step, cer in reversed(self.measured) if step > 0), None)

    @property
    def state(self) -> tuple[str, str]:
        return STATES.get(self.view.state, ("unknown", self.view.state))

    def where(self) -> str:
        """`step 31/55  epoch 3.4`; while nothing has begun, what is being done."""
        if not self.total:
            return self.view.note or "starting"
        epoch = self.metrics[-1].get("epoch") if self.metrics else None
        said = f"step {self.step}/{self.total}"
        said += f"  epoch {epoch:.1f}" if epoch is not None else ""
        return said + (f"  {self.view.note}" if self.view.live and self.view.note not in ("", "training") else "")

    def figures(self) -> str:
        """`loss 0.412   CER 14.2 % (base 18.6 %)   5.3 samples/s`."""
        last = self.metrics[-1] if self.metrics else {}
        loss = last.get("loss")
        parts = [f"loss {loss:.3f}" if loss is not None else "loss -"]
        base = f" (base {percent(self.base_cer)})" if self.base_cer is not None else ""
        on = f" on {self.on}" if self.on else ""
        parts.append(f"CER {percent(self.cer)}{on}{base}" if self.cer is not None or base else "CER -")
        if self.view.live and last.get("samples_per_second") is not None:
            parts.append(f"{last['samples_per_second']:.1f} samples/s")
        rate = last.get("learning_rate")
        if rate is not None:
            parts.append(f"rate {rate:.2g}")
        return "   ".join(parts)

    def next_step(self) -> str:
        """How to go on with a run that has ended; "" for a live one."""
        at = f" from step {self.saved[0]}" if self.saved else ""
        return {
            "done": f"the model is in {self.view.result.get('path') or 'models/'}; 6 Results compares it, e extends",
            "cancelled": f"r goes on{at}" if self.saved else "nothing was saved yet; esc shows the plan, enter starts",
            "failed": f"mend that, then r goes on{at}" if self.saved else "mend that; esc shows the plan",
            "crashed": f"r goes on{at}" if self.saved else "r tries again; esc shows the plan",
        }.get(self.view.state, "")


def earlier_of(views: Sequence[JobView], run: TrainingRun) -> list[TrainingRun]:
    """The jobs in which this run was trained before it was stopped, newest first, read from their logs.

    Call it in a thread. views: the training jobs, newest first.
    """
    found = []
    for view in views:
        if view.created >= run.view.created:
            continue
        earlier = TrainingRun(view)
        for batch in history(view.folder):
            earlier.handle(batch)
        if earlier.name == run.name:
            found.append(earlier)
            if earlier.resumed_from is None:
                break
    return found


def percent(share: float | None) -> str:
    """`14.2 %`; "-" where it is not known."""
    return "-" if share is None else f"{share * 100:.1f} %"


def label_of(view: JobView, ascii: bool) -> str:
    """A line for the list of runs: `✓ 11-22 18:04  run-01  done  CER 11.3 %`."""
    sign, words = STATES.get(view.state, ("unknown", view.state))
    when = time.strftime("%m-%d %H:%M", time.localtime(view.created / 1000))
    name = view.result.get("name") or view.params.get("name") or ""
    cer = view.result.get("cer")
    told = f"CER {percent(cer)}" if cer is not None else ""
    return "  ".join(part for part in (marks.mark(sign, ascii), when, str(name), words, told) if part)


def nan_for(value: float | None) -> float:
    """A gap in the line where the trainer had no finite number."""
    return float("nan") if value is None else value
