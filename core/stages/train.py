"""train: fine-tune the base model on the accepted training segments.

The test part is never trained on nor chosen by: the best checkpoint is found with a validation block that is cut out
of the train part. Where there is too little data for a block, nothing is chosen and the last checkpoint is kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import Config
from core.dataset import lineage
from core.dataset.digests import fill_digests
from core.dataset.inclusion import INCLUDES, is_silent, is_unreviewed
from core.dataset.leak import sharing_audio
from core.dataset.selection import UsableSegments, evenly
from core.errors import UserError
from core.events import RunStarted, Saved
from core.exchange.labelled_sound import read_labelled
from core.files import write_text
from core.gpu import Gpu
from core.jobs import Job
from core.segmentation.sound_check import with_whole_sound
from core.store import Store
from core.text import plural
from core.training import checkpoints, resume, runs, trackers
from core.training.card import CardFacts, model_card
from core.training.methods import METHODS
from core.training.plan import Plan
from core.training.planning import read_usable, training_card
from core.training.run_setup import RunSetup, set_up
from core.training.weight_trials import FILE as WEIGHTS
from core.training.weight_trials import Weights
from core.whisper.info import describe
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.training.dataset import Example
    from core.training.interpolation import Block
    from core.training.trainer import TrainingOutcome
    from core.whisper.loading import LoadedModel


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", metavar="N", help="default: the next free run-01, run-02, …")
    parser.add_argument("--resume", action="store_true", help="go on from the last whole checkpoint")
    parser.add_argument("--steps", type="positive", metavar="N")
    parser.add_argument("--method", choices=METHODS, help="default: train.method of the settings")
    parser.add_argument("--include", choices=INCLUDES, help="which rows train; default: train.include of the settings")
    parser.add_argument("--processes", type="positive", metavar="N", help="train together, one on each GPU")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    asked = {name: getattr(arguments, name) for name in ("name", "resume", "steps", "method", "include")}
    return asked | ({"processes": arguments.processes} if arguments.processes else {})


def report(result: dict[str, Any]) -> str:
    return f"{result['name']} is tuned: {result['path']}"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """What needs no GPU to be seen: there are segments, the base model is here and knows the language, and the run can
    be had."""
    with Store(workspace.db_path) as store:
        counts = store.segments.counts()
    if not counts["train"]:
        raise _nothing_to_train_on(counts)
    asked = resume.asked_for(workspace.models, params)
    begins = not (asked and asked.resume)
    check_settings(workspace, config, _as_asked(config, params).train.method if begins else None)


def check_settings(workspace: Workspace, config: Config, method: str | None) -> None:
    """UserError for a setting that a run would stumble over, though it may read it only after its last step.

    method: the one it begins with; None where it goes on with its own.
    """
    info, language = describe(config.model.base, workspace.root), config.project.language
    if info.languages and language not in info.languages:
        raise UserError(
            f"{config.model.base} cannot be trained with the language {language!r}",
            f"the model is taught with a language token; it knows {', '.join(info.languages)}"[:300],
            'set language = "zh" under [project] in whispersmith.toml',
        )
    trackers.check(config.train.report_to)
    if config.train.general:
        read_labelled(workspace.find(config.train.general))
    if method is not None:
        _check_method(method)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Train, and write models/<name>/ whole at the end.

    params: name, resume, steps, method, include, processes (all optional). A stopped or killed run goes on with resume,
    with its name, or by itself when settings and segments are still the same; it obeys the plan it was started with.
    Returns {"name", "path", "steps", "best_step", "cer", "base_cer", "on", "loss", "seconds", "train_segments",
    "validation_segments", "eval_segments", "leak", "resumed_from"}, and "weights" where some were tried after the last
    step, or the usual ones are kept. on: "validation" (checkpoint and weights were chosen by this cer), "test" (only
    shown) or None.
    """
    from core.training import ranks

    config = _as_asked(config, job.params)
    ranks.join()
    # Only the first process reads the store and writes the run's folder; all train on what it found.
    usable, setup = ranks.from_first(lambda: _set_up(workspace, config, job, ranks.count()))
    trained = _train(workspace, config, job, usable, setup)
    plan, loaded, data, outcome = trained.plan, trained.loaded, trained.data, trained.outcome
    resumed_from = setup.last.step if setup.last else None
    if ranks.number():
        return {}  # the first process saves
    weights = _keep_best(workspace, config, job, usable, setup, trained)
    job.progress(plan.steps, plan.steps, "step", "saving the model")
    leak = len(sharing_audio(usable.test, setup.lineage.heard))
    taught = [row.segment for example in data for row in example.window.rows]
    facts = CardFacts(
        name=setup.name,
        base=plan.model,
        timestamps=plan.windows.timestamps if plan.windows else 0.0,
        language=plan.language,
        train_segments=len(data),
        unreviewed_segments=sum(is_unreviewed(usable.by_id[id]) for id in taught),
        unreviewed_weight=plan.unreviewed_weight,
        train_seconds=usable.seconds(taught),
        validation_segments=plan.validation_segments,
        test_segments=plan.test_segments,
        split=usable.split_by,
        leak=leak,
        steps=outcome.steps,
        best_step=outcome.best_step,
        on=plan.measured_on,
        eval_segments=plan.measured_segments,
        cer=weights.cer if weights else outcome.cer,
        base_cer=outcome.base_cer,
        weights=weights,
    )

    def save(place: Path) -> None:
        trained.tuned.save_pretrained(place)
        loaded.processor.save_pretrained(place)
        loaded.extractor.save_pretrained(place)
        lineage.write(place, setup.lineage)
        if weights is not None:
            write_text(place / WEIGHTS, json.dumps(weights.as_json(), indent=1))

    path = runs.publish(workspace.models, setup.name, loaded.info.path, model_card(facts), save)
    checkpoints.keep_last(setup.folder)
    job.emit(Saved(outcome.best_step, workspace.relative(path)))
    job.log(f"the model is in {workspace.relative(path)}")
    return {
        "name": setup.name,
        "path": workspace.relative(path),
        **asdict(outcome),
        **({"cer": weights.cer, "weights": weights.as_json()} if weights else {}),
        "on": plan.measured_on,
        "train_segments": len(data),
        "validation_segments": plan.validation_segments,
        "eval_segments": plan.measured_segments,
        "leak": leak,
        "resumed_from": resumed_from,
    }


def _keep_best(
    workspace: Workspace, config: Config, job: Job, usable: UsableSegments, setup: RunSetup, trained: _Trained
) -> Weights | None:
    """Of the weights between base and tuned, those that hear the validation block best, or the usual ones; None where
    the settings want none."""
    from core.engines import Clip
    from core.training.interpolation import Block, keep_best
    from core.whisper.features import read_segment

    plan, loaded = trained.plan, trained.loaded
    if not config.train.between:
        return None
    rows = [usable.by_id[id] for id in setup.lineage.measured if id in usable.by_id]

    def clips() -> Iterator[tuple[str, Clip]]:
        for row in rows:
            yield row.text, Clip(row.id, read_segment(workspace.absolute(row.path)))

    return keep_best(
        loaded,
        trained.tuned,
        plan,
        Block(plan.measured_on, tuple((row.id, row.text) for row in rows), clips) if plan.measured_on else None,
        _general_set(workspace, config, job, loaded.info.window_s),
        folder=setup.folder,
        step=trained.outcome.best_step,
        job=job,
    )


def _general_set(workspace: Workspace, config: Config, job: Job, window_s: float) -> Block | None:
    """The other sound that the settings name, as much of it as is measured on; None where they name none."""
    from core.engines import Clip
    from core.training.interpolation import Block

    if not config.train.general:
        return None
    rows = evenly(read_labelled(workspace.find(config.train.general)), config.train.eval_segments)

    def clips() -> Iterator[tuple[str, Clip]]:
        for row in rows:
            clip = Clip(row.audio.name, row.samples(job.check))
            if clip.seconds <= window_s:
                yield row.text, clip

    return Block("general", tuple((row.audio.name, row.text) for row in rows), clips)


def _as_asked(config: Config, params: dict[str, Any]) -> Config:
    """The settings with the method and the rows that were asked for."""
    changes = {name: params[name] for name in ("method", "include") if params.get(name)}
    return config.model_copy(update={"train": config.train.model_copy(update=changes)})


def _check_method(name: str) -> None:
    if missing := METHODS[name].missing:
        possible = ", ".join(other for other, method in METHODS.items() if not method.missing)
        raise UserError(
            f"the method {name} cannot be had here", missing, f"--method {name} needs it; here are {possible}"
        )


@dataclass(frozen=True)
class _Trained:
    """plan: as it was in the end. tuned: the WhisperForConditionalGeneration that is kept."""

    plan: Plan
    loaded: LoadedModel
    data: Sequence[Example]
    tuned: Any
    outcome: TrainingOutcome


def _train(workspace: Workspace, config: Config, job: Job, usable: UsableSegments, setup: RunSetup) -> _Trained:
    """Train. When memory runs out all the same, the run goes on from its last checkpoint with less at once."""
    from core.training import ranks, trainer
    from core.training.dataset import examples, rows_of
    from core.whisper.loading import load

    def keep(plan: Plan) -> None:
        if not ranks.number():
            resume.keep_plan(setup.folder, plan)

    plan, last, data = setup.plan, setup.last, None
    measured = rows_of((usable.by_id[id] for id in setup.lineage.measured if id in usable.by_id), workspace.absolute)
    while True:
        job.progress(0, None, "step", "loading the base model")
        loaded = load(config.model.base, device=plan.device, dtype=METHODS[plan.method].weights, root=workspace.root)
        job.check()
        if data is None:
            data, rejected = examples(
                loaded,
                rows_of(setup.learn, workspace.absolute, plan.unreviewed_weight),
                plan.language,
                plan.label_tokens,
            )
            for segment, error in rejected:
                job.item_failed(segment, error)
        if not data:
            raise UserError(
                "no training segment can be used", "every text is too long for the model", "whispersmith segments"
            )
        step = last.step if last else None
        job.log(
            f"{setup.name}: {plural(plan.steps, 'step')} on {plural(len(data), 'segment')}, {loaded.device}"
            + (f", going on from step {step}" if step else "")
        )
        job.emit(RunStarted(setup.name, plan.steps, len(data), step, setup.measures_anew))
        try:
            tuned, outcome = trainer.train(
                loaded,
                plan,
                data,
                measured,
                folder=setup.folder,
                job=job,
                resume=last,
                relative=workspace.relative,
                report_to=config.train.report_to,
                on_plan=keep,
            )
            return _Trained(_kept(setup.folder) or plan, loaded, data, tuned, outcome)
        except trainer.TrainingOutOfMemory as error:
            said = str(error)
        # Only here the model is let go of: the error held its frames.
        del loaded
        trainer.free_memory()
        plan = resume.with_less_memory(setup.folder, _kept(setup.folder) or plan, said)
        if ranks.count() > 1:  # the others wait for this one, and cannot be told
            why = f"a batch on one of {ranks.count()} GPUs was too much for it"
            fix = f"whispersmith train --resume goes on with {plan.batch} at once, and as many a step"
            raise UserError("the GPU's memory ran out", why, fix, said)
        resume.mend_checkpoints(setup.folder, lambda text: job.log(text, "warning"))
        last = checkpoints.last_checkpoint(setup.folder)
        begins = f"it goes on from step {last.step}" if last else "it begins anew"
        job.log(f"the GPU's memory ran out; {begins} with {plan.batch} at once, and as many a step", "warning")


def _kept(folder: Path) -> Plan | None:
    """The plan a run obeys now, which may be another than at its start."""
    record = runs.read_record(folder)
    return record.plan if record else None


def _set_up(workspace: Workspace, config: Config, job: Job, processes: int) -> tuple[UsableSegments, RunSetup]:
    runs.remove_half_written(workspace.models)
    usable = _usable(workspace, config, job)
    setup = set_up(workspace, config, job, usable, _card(config, job), processes)
    return _with_whole_sound(workspace, job, usable, setup)


def _with_whole_sound(
    workspace: Workspace, job: Job, usable: UsableSegments, setup: RunSetup
) -> tuple[UsableSegments, RunSetup]:
    """The same without the segments whose sound is broken, before hours are spent; those that are left out are told,
    and the plan counts them no more."""
    measured = [usable.by_id[id] for id in setup.lineage.measured if id in usable.by_id]
    heard = {row.id: row for row in (*setup.learn, *measured)}
    with Store(workspace.db_path) as store:
        lost = heard.keys() - {row.id for row in with_whole_sound(workspace, store, job, list(heard.values()))}
    if not lost:
        return usable, setup
    learn = [row for row in setup.learn if row.id not in lost]
    if not learn:
        raise UserError(
            "no training segment can be heard", "the sound of every one is broken", "whispersmith export names them"
        )
    left = sum(row.id not in lost for row in measured)
    plan = replace(
        setup.plan,
        segments=len(learn),
        unreviewed_segments=sum(map(is_unreviewed, learn)),
        silent_segments=sum(map(is_silent, learn)),
        measured_segments=left,
        measured_on=setup.plan.measured_on if left else None,
    )
    resume.keep_plan(setup.folder, plan)
    by_id = {id: row for id, row in usable.by_id.items() if id not in lost}
    return replace(usable, by_id=by_id), replace(setup, plan=plan, learn=learn)


def _card(config: Config, job: Job) -> Gpu | None:
    """The GPU of the plan; its free memory is read before torch takes some of it."""
    from core.whisper.loading import pick_device

    card = training_card(config.model.gpu)
    if card is not None and pick_device().name == "cpu":
        job.log(
            f"torch cannot use {card.name}, so the processor computes; whispersmith check says why", level="warning"
        )
        return None
    return card


def _usable(workspace: Workspace, config: Config, job: Job) -> UsableSegments:
    """The usable segments as they are parted now. UserError with the next command if there is none to train on."""
    with Store(workspace.db_path) as store:
        fill_digests(workspace, store, job)
        usable, counts = read_usable(store, config), store.segments.counts()
    if not usable.train:
        raise _nothing_to_train_on(counts)
    return usable


def _nothing_to_train_on(counts: dict[str, int]) -> UserError:
    """What is missing, by the store's counts of segments, and the next command."""
    if not counts["segments"]:
        why, fix = "there are no segments", "whispersmith add URL, fetch, segment, label; then accept transcripts"
    elif not counts["labelled"]:
        why, fix = "no segment has a transcript", "whispersmith label, then accept transcripts: whispersmith"
    elif not counts["accepted"]:
        why, fix = (
            "no transcript has been accepted",
            "whispersmith transcript SEGMENT --accept, then whispersmith split",
        )
    else:
        why, fix = (
            f"of {plural(counts['accepted'], 'accepted segment')} none is in the train part",
            "whispersmith split",
        )
    return UserError("there is nothing to train on", why, fix)
