"""The labeller's model is opened with the engine that was asked for, or that this machine is better at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from core import gpu
from core.config import Config
from core.engines import Engine, EngineInfo, EngineOptions, PcmWindow, open_engine
from core.engines.choice import EngineChoice, choose_engine
from core.engines.trial import Better, try_engines
from core.engines.windows import windows_of
from core.errors import UserError
from core.exchange.glossary import read_glossary
from core.jobs import Job
from core.labelling.recordings import asked_ms, by_video
from core.media import stream_pcm
from core.store import Segment, Store
from core.workspace import Workspace

TRIAL_S = 120
"""So much speech is heard by both engines."""

WORTH_A_TRIAL_MS = 20 * 60_000
"""With less to be heard, trying both costs more than the better one saves."""

_BETTER = "engine of "


def open_labeller(
    workspace: Workspace,
    config: Config,
    job: Job,
    store: Store,
    model: str,
    segments: Sequence[Segment],
    engine: str | None = None,
) -> Engine:
    """An engine as the settings have it, with a model loaded that is told the words of the glossary. segments: that it
    shall write texts of. engine: in place of that of the settings. UserError for a glossary that cannot be read, too.

    For "auto" it is that of `core.engines.choice`. Where both can run the model, and there is much to be heard, both
    hear the first minutes of it, and which is better is kept in the store, so that it is asked once.
    """
    words = read_glossary(workspace.glossary)

    def warn(text: str) -> None:
        job.log(text, "warning")

    def load(name: str, check: Callable[[], object] = job.check) -> Engine:
        return open_labeller_for(workspace, config, model, name, words, check, warn)

    asked = engine or config.label.engine
    if asked != "auto":
        return load(asked)
    known = known_engine(store, model)
    name, why = known or choose_engine(model, workspace.root)
    found = load(name)
    is_open = known is None and name == "ctranslate2"
    if is_open and (windows := _first_minutes(workspace, job, store, segments, found.info)):
        found, why = _try_both(job, store, model, found, windows, load)
    job.log(f"{model} is run by {found.info.name}: {why}")
    return found


def open_labeller_for(
    workspace: Workspace,
    config: Config,
    model: str,
    engine: str,
    words: Sequence[str],
    check: Callable[[], object],
    warn: Callable[[str], object],
) -> Engine:
    """The same without a job: words of the glossary, check and warn as `core.engines.EngineOptions` has them."""
    label, prompt = config.label, tuple(words)
    options = EngineOptions(config.project.language, label.batch, label.beam, prompt, check=check, warn=warn)
    return open_engine(model, options, workspace.root, engine)


def known_engine(store: Store, model: str) -> EngineChoice | None:
    """Which engine was found better for a model here; None before that, and on another machine."""
    found = store.note(_BETTER + model)
    return EngineChoice(found["engine"], found["why"]) if found and found["here"] == _here() else None


def _try_both(
    job: Job,
    store: Store,
    model: str,
    loaded: Engine,
    windows: Sequence[PcmWindow],
    load: Callable[[str, Callable[[], object]], Engine],
) -> Better:
    job.progress(0, None, "", "trying both engines on the first minutes")

    def load_other(name: str, check: Callable[[], object]) -> Engine:
        def check_both() -> None:
            job.check()
            check()

        return load(name, check_both)

    better = try_engines(loaded, "transformers", load_other, windows)
    store.set_note(_BETTER + model, {"engine": better.engine.info.name, "why": better.why, "here": _here()})
    return better


def _here() -> dict[str, Any]:
    """What else the outcome depends on."""
    card = gpu.choose_for_job()
    device = card.name if card is not None else f"{os.cpu_count()} cores"
    return {"device": device, **{name: _version(name) for name in ("ctranslate2", "faster-whisper", "transformers")}}


def _version(package: str) -> str:
    """ "" for one that is not installed, as faster-whisper is not everywhere."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _first_minutes(
    workspace: Workspace, job: Job, store: Store, segments: Sequence[Segment], info: EngineInfo
) -> list[PcmWindow]:
    """Windows of TRIAL_S of speech from the beginning of what is to be heard; none where that is not worth a trial, or
    its sound cannot be read, which is told when it is heard."""
    groups = [(video, rows) for video, rows in by_video(store, segments) if video.path]
    if sum(asked_ms(rows) for _, rows in groups) < WORTH_A_TRIAL_MS:
        return []
    found: list[PcmWindow] = []
    for video, _ in groups:
        for window in _windows(workspace, job, video.path or "", info):
            found.append(window)
            if sum(one.seconds for one in found) >= TRIAL_S:
                return found
    return found


def _windows(workspace: Workspace, job: Job, path: str, info: EngineInfo) -> Iterator[PcmWindow]:
    try:
        yield from windows_of(stream_pcm(workspace.absolute(path), cancelled=job.check), info)
    except UserError:
        return
