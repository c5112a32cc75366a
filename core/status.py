"""What is done in a workspace, what is due, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.config import Config
from core.errors import UserError
from core.sources.failures import hopeless
from core.store import Store, Video
from core.workspace import Workspace

STAGES = ("model", "fetch", "segment", "label", "review", "split", "train", "evaluate")


@dataclass(frozen=True)
class Count:
    """done and due items of one stage; what an item is depends on the stage (videos, segments, models)."""

    done: int
    due: int


@dataclass(frozen=True)
class Step:
    """One of the six steps of the screens; text is what its tab says."""

    done: int
    due: int
    text: str


@dataclass(frozen=True)
class Summary:
    """stages: by name, as `status --json` prints them. next: the stage to run now, "add" or "done"."""

    stages: dict[str, Count]
    next: str
    steps: dict[str, Step]

    def as_json(self) -> dict[str, Any]:
        counts = {name: {"done": count.done, "due": count.due} for name, count in self.stages.items()}
        return {**counts, "next": self.next}


def summary(store: Store, workspace: Workspace, config: Config | None = None) -> Summary:
    """Count everything. A few queries and a look at two folders: cheap enough for every two seconds."""
    config = config or workspace.config()
    videos = store.videos.all()
    counts = store.segments.counts()
    fetched = [video for video in videos if video.path]
    wanted = [video for video in videos if video.selected and not video.path and may_come(video, config)]
    uncut = [video for video in fetched if video.cut is None]
    models = tuned_models(workspace)
    usable = counts["usable"]
    split = store.note("split") or {}
    evaluated = store.evaluations.models() & set(models)
    unlabelled = counts["segments"] - counts["labelled"]
    reviewed = counts["accepted"] + counts["rejected"]
    present = sum(model_is_here(name, workspace) for name in {config.model.base, config.model.labeller})
    names = len({config.model.base, config.model.labeller})
    can_train = counts["train"] > 0 and counts["test"] > 0
    stages = {
        "model": Count(present, names - present),
        "fetch": Count(len(fetched), len(wanted)),
        "segment": Count(counts["segments"], len(uncut)),
        "label": Count(counts["labelled"], unlabelled),
        "review": Count(reviewed, counts["segments"] - reviewed),
        "split": Count(counts["train"] + counts["test"], max(0, usable - int(split.get("usable", 0)))),
        "train": Count(len(models), int(can_train and not models)),
        "evaluate": Count(len(evaluated), len(models) - len(evaluated)),
    }
    return Summary(stages, next_stage(stages, len(videos)), steps(stages, len(videos), store, models))


def may_come(video: Video, config: Config) -> bool:
    """Whether the next fetch would try it: no failure for good, and no licence that nobody has vouched for."""
    refused = (video.error or {}).get("kind") == "licence" and not config.fetch.any_licence
    return not refused and not hopeless(video.error)


def next_stage(stages: dict[str, Count], videos: int) -> str:
    """The first stage with something to do. A review that has begun holds up nothing: it is a person's work."""
    if not videos and not stages["segment"].done:
        return "add"
    for name in ("fetch", "segment"):
        if stages[name].due:
            return name
    if stages["label"].due:
        return "model" if stages["model"].due else "label"
    if stages["review"].done == 0:
        return "review"
    for name in ("split", "model", "train", "evaluate"):
        if stages[name].due:
            return name
    return "review" if stages["review"].due else "done"


def steps(stages: dict[str, Count], videos: int, store: Store, models: list[str]) -> dict[str, Step]:
    segments, review = stages["segment"].done, stages["review"]
    model, fetch = stages["model"], stages["fetch"]
    evaluation = store.evaluations.latest(rows=False)
    cer = (evaluation.result.get("models", {}).get("tuned") or {}).get("cer") if evaluation else None
    return {
        "setup": Step(model.done, model.due, "!" if model.due else "✓"),
        "playlist": Step(fetch.done, fetch.due, f"{fetch.done}/{videos}" if videos else "–"),
        "segments": Step(segments, stages["segment"].due, str(segments) if segments else "–"),
        "transcripts": Step(review.done, review.due, f"{review.done}/{segments}" if segments else "–"),
        "training": Step(stages["train"].done, stages["train"].due, models[-1] if models else "–"),
        "results": Step(stages["evaluate"].done, stages["evaluate"].due, f"{cer:.1%}" if cer is not None else "–"),
    }


def tuned_models(workspace: Workspace) -> list[str]:
    """Names of the tuned models in models/, oldest first."""
    from core.whisper.folders import tuned_folders

    return [folder.name for folder in reversed(tuned_folders(workspace.models))]


def model_is_here(name: str, workspace: Workspace) -> bool:
    """Whether a model is whole, in a local folder or in the Hugging Face cache. Asks no network."""
    from core.whisper.info import describe

    try:
        describe(name, workspace.root)
    except UserError:
        return False
    return True
