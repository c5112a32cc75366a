"""The one table of stages. Jobs, command line, status, screens and the table of commands in README read it.

A stage is a row here and a file, `core/stages/<name>.py`, which `Stage.load` imports when it is needed. The file offers
    run(workspace, config, job) -> result        the work; result is a dict that JSON can hold
and where the stage has a command of its own (`help`)
    arguments(parser)                            adds the options to an argparse parser
    params(arguments) -> dict                    what the job is asked for
    report(result) -> str                        what a terminal shows of the result
and, where there is something to look at before a job queues for its resource,
    check_params(workspace, config, params)      raises UserError
and, where its command takes --dry-run,
    forecast(workspace, config, params) -> dict  what `run` would do; nothing is written
    forecast_report(forecast) -> str             what a terminal shows of it
and, where `done` and `due` name figures that core/status.py does not have,
    figures(store, workspace) -> dict[str, int]  how much there is of what it counts
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.config import Config
    from core.workspace import Workspace

SEGMENTS, VIDEOS, MODELS = ("segment", "segments"), ("video", "videos"), ("model", "models")


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline, in the order of the table: the order of the work, and of `whispersmith run`."""

    name: str
    """As in commands, job folders, event logs and `status --json`."""
    screens: tuple[str, ...] = ("setup",)
    """The screens that follow its jobs; the first is where it is seen: `setup`, `playlist`, `segments`, …"""
    resource: str = ""
    """What a job needs for itself: jobs on the same resource queue behind each other, others run beside them. "" for
    what is a person's work and no job."""
    help: str = ""
    """What it does, in one line. "" if it has no command of its own."""
    module: str = ""
    """Where `run` lies, if not in core.stages.<name>."""

    items: tuple[str, str] = SEGMENTS
    """What it works on, one and several."""
    holdable: bool = False
    """It can be paused: it calls `job.hold()` wherever it may be interrupted."""
    together: bool = False
    """Several processes may do it together, started by `accelerate launch`: each of them calls `run`. How many is its
    setting, or parameter, `processes`."""
    saves_on_cancel: bool = False
    """It is given time to save after a cancel. Others are ended at once if they do not end themselves."""
    prints_document: bool = False
    """What its command prints is a document, and no line of the log may stand in it."""
    quiet: bool = False
    """It goes on in the background by itself; nobody waits for its end."""
    fills_workspace: bool = False
    """It makes what every other stage works on, models included: the app waits for it, then shows what is due."""
    resume_param: str = ""
    """The parameter, and option, that makes a new job go on where a stopped one was. "" where every job does that."""

    done: str = ""
    due: str = ""
    """Which figures of `core.status` are its counts in `status`; "" if it has none."""
    uses_model: str = ""
    """The role, `base` or `labeller`, of the model that must be here before it can begin."""

    word: str = ""
    """What a job of it is called on screen, if not by its name: "listing"."""
    doing: str = ""
    """The same as an activity: "labelling", "the download"."""
    stopping: str = "It stops; what it has done is kept"
    """What a screen says when it has asked a job to stop."""
    result_counts: tuple[tuple[str, str], ...] = ()
    """Which counts of its result are told when it has ended, and the words for them."""
    advice: str = ""
    """What a person is to do where it comes next."""
    by_person: str = ""
    """What `whispersmith run` says where this comes next, if it cannot go on without a person."""
    action: str = ""
    """The action of `tui.keymap` that does this, whose key is shown with it."""

    @property
    def title(self) -> str:
        return self.word or self.name

    @property
    def activity(self) -> str:
        return self.doing or self.title

    @property
    def screen(self) -> str:
        return self.screens[0]

    @property
    def is_job(self) -> bool:
        return bool(self.resource)

    def load(self) -> ModuleType:
        return importlib.import_module(self.module or f"core.stages.{self.name}")

    def check(self, workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
        """Raise UserError if a job with these params cannot succeed, as far as the stage looks at that before."""
        check = getattr(self.load(), "check_params", None)
        if check is not None:
            check(workspace, config, params)


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "demo",
            ("playlist", "setup"),
            "gpu",
            items=("recording", "recordings"),
            fills_workspace=True,
            doing="making the demo",
            stopping="The demo stops being made",
            result_counts=(("added", "recordings made"),),
        ),
        Stage(
            "model",
            ("setup",),
            "hub",
            "show, choose and download the models",
            items=MODELS,
            done="models_here",
            due="models_missing",
            doing="the download",
            advice="download the model that is missing",
            action="setup.download",
        ),
        Stage(
            "add",
            ("playlist",),
            "listing",
            "list a playlist, channel, video, feed, file or folder; downloads nothing",
            items=("source", "sources"),
            word="listing",
            doing="the listing",
            stopping="The listing stops; what has arrived is kept, l takes it up again",
            result_counts=(("added", "new"), ("known", "known before")),
            advice="add a source",
            by_person="nothing to work on yet: whispersmith add URL_OR_PATH",
            action="playlist.add",
        ),
        Stage(
            "details",
            ("playlist",),
            "details",
            items=VIDEOS,
            holdable=True,
            quiet=True,
            word="licences",
            doing="asking for licences",
            stopping="Licences are not asked any more; i takes it up again",
        ),
        Stage(
            "fetch",
            ("playlist",),
            "network",
            "download audio, then its captions; default: the selected videos",
            items=VIDEOS,
            holdable=True,
            done="fetched",
            due="wanted",
            word="download",
            doing="the download",
            stopping="The download stops; what has arrived is kept",
            result_counts=(("fetched", "new"),),
            advice="download what is selected",
            action="playlist.get",
        ),
        Stage(
            "captions",
            ("playlist",),
            "network",
            "fetch captions that people wrote",
            items=VIDEOS,
            holdable=True,
            doing="fetching captions",
            action="playlist.captions",
            stopping="Fetching captions stops; what has arrived is kept",
            result_counts=(("found", "found"), ("none", "without")),
        ),
        Stage(
            "segment",
            ("segments",),
            "disk",
            "cut recordings into segments, overlapping windows or at pauses",
            items=VIDEOS,
            done="segments",
            due="uncut",
            doing="cutting",
            result_counts=(("segments", "segments"), ("new", "of them new")),
            advice="cut the recordings",
            action="segments.cut",
        ),
        Stage(
            "label",
            ("transcripts",),
            "gpu",
            "first transcripts, from captions where there are any; human text is never replaced",
            done="labelled",
            due="unlabelled",
            uses_model="labeller",
            doing="labelling",
            result_counts=(
                ("captions", "texts from captions"),
                ("labelled", "labelled"),
                ("compared", "second readings"),
                ("flagged", "flagged: o sorts them first"),
            ),
            advice="let the labeller write",
            action="transcripts.label",
        ),
        Stage(
            "review",
            ("transcripts",),
            done="reviewed",
            due="unreviewed",
            advice="read and accept some",
            by_person="now a person is needed: correct and accept transcripts in the app, or `whispersmith import`",
            action="transcripts.accept",
        ),
        Stage(
            "import",
            ("transcripts",),
            "store",
            "bring in transcripts that were made elsewhere",
            "core.stages.import_",
            items=("text", "texts"),
            doing="importing",
            action="transcripts.bring_in",
            result_counts=(
                ("imported", "texts taken in"),
                ("compared", "segments compared"),
                ("differing", "of them read otherwise"),
                ("kept", "left as a person wrote them"),
                ("unmatched", "belong to no segment here"),
            ),
        ),
        Stage(
            "split",
            ("training",),
            "store",
            "part the accepted segments into train and test",
            done="split",
            due="unsplit",
            doing="splitting",
            advice="split into train and test",
            action="training.plan.split",
        ),
        Stage(
            "train",
            ("training",),
            "gpu",
            "fine-tune the base model",
            together=True,
            saves_on_cancel=True,
            resume_param="resume",
            done="tuned",
            due="untrained",
            uses_model="base",
            doing="training",
            advice="start the training",
            action="training.plan.choose",
        ),
        Stage(
            "evaluate",
            ("results",),
            "gpu",
            "base beside tuned on the same test segments",
            done="evaluated",
            due="unmeasured",
            uses_model="base",
            doing="measuring",
            advice="measure the tuned model beside its base",
            action="results.evaluate",
        ),
        Stage(
            "compare",
            ("results",),
            "gpu",
            "which base to begin with: models on the same accepted rows, before anything is trained",
            items=MODELS,
            doing="comparing models",
        ),
        Stage(
            "round",
            ("transcripts",),
            "gpu",
            "train quickly on what is accepted, then write anew what no person has touched",
            saves_on_cancel=True,
            uses_model="base",
            doing="the round",
            stopping="The round stops; started again it goes on",
            result_counts=(
                ("rows", "texts written anew"),
                ("changed", "say something else"),
                ("expected_before", "errors expected before"),
                ("expected_after", "now: o sorts the worst first"),
            ),
            action="transcripts.round",
        ),
        Stage(
            "transcribe",
            ("results",),
            "gpu",
            "write down any media file",
            items=("recording", "recordings"),
            doing="transcribing",
            prints_document=True,
        ),
        Stage(
            "export",
            ("results", "transcripts"),
            "store",
            "write the accepted segments as a data set",
            doing="exporting",
            action="results.export",
            result_counts=(("train", "for training"), ("test", "for testing")),
        ),
    )
}
"""By name. Nothing else lists stages."""


def lookup(name: str) -> Stage:
    """The stage of this name; a bare row for a stage of another version, whose jobs may lie in a workspace."""
    return STAGES.get(name) or Stage(name)


def seen_on(screen: str) -> frozenset[str]:
    """Names of the stages whose jobs a screen follows."""
    return frozenset(stage.name for stage in STAGES.values() if screen in stage.screens and stage.is_job)
