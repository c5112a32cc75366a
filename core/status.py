"""What is done in a workspace, what is due, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.config import Config
from core.errors import UserError
from core.sources.failures import is_permanent
from core.stage import STAGES, Stage, lookup
from core.store import Store, Video
from core.workspace import Workspace

LEFT_OVER = 0.05
"""Share of what has been labelled, or split, that may have come since before labelling, or the split, is next again."""


@dataclass(frozen=True)
class Count:
    """done and due items of one stage; `Stage.items` says of what."""

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
    models = tuned_models(workspace)
    found = figures(store, workspace, config, models)
    stages = {stage.name: count_of(stage, found, store, workspace) for stage in STAGES.values() if stage.done}
    return Summary(stages, next_stage(stages, found), steps(stages, found["videos"], store, models))


def figures(store: Store, workspace: Workspace, config: Config, models: list[str]) -> dict[str, int]:
    """How much there is of what stages count; `Stage.done` and `Stage.due` name these. models: the tuned ones."""
    videos = store.videos.all()
    counts = store.segments.counts()
    fetched = [video for video in videos if video.path]
    here = {name: model_is_here(name, workspace) for name in (config.model.base, config.model.labeller)}
    reviewed = counts["accepted"] + counts["rejected"]
    evaluated = len(store.evaluations.models() & set(models))
    return {
        "videos": len(videos),
        "models_here": sum(here.values()),
        "models_missing": len(here) - sum(here.values()),
        "base_missing": int(not here[config.model.base]),
        "labeller_missing": int(not here[config.model.labeller]),
        "fetched": len(fetched),
        "wanted": sum(video.selected and not video.path and may_come(video, config) for video in videos),
        "uncut": sum(video.is_uncut for video in videos),
        "segments": counts["segments"],
        "labelled": counts["labelled"],
        "unlabelled": counts["segments"] - counts["labelled"],
        "reviewed": reviewed,
        "unreviewed": counts["segments"] - reviewed,
        "split": counts["train"] + counts["test"],
        # A single one cannot be parted.
        "unsplit": max(0, counts["usable"] - int((store.note("split") or {}).get("usable", 0)))
        if counts["usable"] > 1
        else 0,
        "tuned": len(models),
        # A split outlives the acceptances that it was made of: an undo may have taken them back.
        "untrained": int(counts["train"] > 0 and counts["test"] > 0 and counts["usable"] > 1 and not models),
        "evaluated": evaluated,
        "unmeasured": len(models) - evaluated,
    }


def count_of(stage: Stage, found: dict[str, int], store: Store, workspace: Workspace) -> Count:
    """The count of a stage from the figures; where they are not among those, from its module's own `figures`."""
    if stage.done not in found or stage.due not in found:
        found = found | stage.load().figures(store, workspace)
    return Count(found[stage.done], found[stage.due])


def may_come(video: Video, config: Config) -> bool:
    """Whether the next fetch would try it: no failure for good, and no licence that nobody has vouched for."""
    refused = (video.error or {}).get("kind") == "licence" and not config.fetch.any_licence
    return not refused and not is_permanent(video.error)


def next_stage(stages: dict[str, Count], found: dict[str, int]) -> str:
    """What a person would do now: the first stage of the table with something to do, save that

    - a model is fetched when the stage that needs it is next;
    - a review that has begun holds up nothing: there is always more of it;
    - nor do a few segments without a text, or accepted since the split (`LEFT_OVER`, at least one): they stay due, and
      come when all else is done.

    stages: their counts; found: the `figures`.
    """
    if not found["videos"] and not found["segments"]:
        return "add"
    due = [name for name, count in stages.items() if count.due and name != "model"]
    # What can wait comes at the end, and there review before what is left over: only the latter has no text to read.
    later = ["review"] if stages["review"].due > stages["label"].due else ["label"] if stages["label"].due else []
    later += ["split"] if stages["split"].due else []
    order = [*(name for name in due if not _can_wait(name, stages[name])), *later, "done"]
    role = lookup(order[0]).uses_model
    return "model" if role and found[f"{role}_missing"] else order[0]


def _can_wait(name: str, count: Count) -> bool:
    if name == "review":
        return count.done > 0
    few = count.done > 0 and count.due <= max(1, LEFT_OVER * (count.done + count.due))
    return few and name in ("label", "split")


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
    from core.whisper.tuned import tuned_folders

    return [folder.name for folder in reversed(tuned_folders(workspace.models))]


def model_is_here(name: str, workspace: Workspace) -> bool:
    """Whether a model is whole, in a local folder or in the Hugging Face cache. Asks no network."""
    from core.whisper.info import describe

    try:
        describe(name, workspace.root)
    except UserError:
        return False
    return True
