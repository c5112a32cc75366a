"""The two models: here and whole, and what they will need of the GPU's memory."""

from __future__ import annotations

from core.checks.check import Answer, Context, fail, ok, warn
from core.checks.gpu import GIB, cards, held_by
from core.errors import UserError
from core.whisper.folders import ModelMissing, fetch_command
from core.whisper.shape import Shape


def check_base(context: Context) -> Answer:
    return _model(context.config.model.base, "base", context)


def check_labeller(context: Context) -> Answer:
    return _model(context.config.model.labeller, "labeller", context)


def _model(name: str, role: str, context: Context) -> Answer:
    from core.models.inspect import inspect
    from core.models.suggested import suggestion

    try:
        seen = inspect(name, context.workspace.root if context.workspace else None, context.config.project.language)
    except UserError as error:
        # One model for both roles is missing once.
        repeats = "base" if role == "labeller" and name == context.config.model.base else ""
        if is_on_its_way(name, context):
            return warn(f"{name} is being made", "the demo builds it just now, after its recordings", repeats=repeats)
        known = suggestion(name)
        missing = known is not None and isinstance(error, ModelMissing)
        size = f", about {known.download_bytes / 1e6:.0f} MB" if known and missing else ""
        return fail(error.what + size, error.why, f"{fetch_command(name)} --role {role}", repeats=repeats)
    info = seen.info
    size = f"{info.parameters / 1e6:.0f} M" if info.parameters >= 1e6 else f"{info.parameters / 1e3:.0f} k"
    found = f"{name}, {size} parameters, {info.bytes_on_disk / 1e6:.0f} MB, hears {info.window_s:g} s, {info.path}"
    detail = "\n".join(seen.notes)
    if not seen.own_generation_config and seen.notes:
        return warn(found, seen.notes[0], detail=detail)
    return ok(found, detail)


def shape_of(name: str, context: Context) -> Shape | None:
    """The shape of a model, also of one that is suggested and not here yet; None if unknown."""
    from core.models.suggested import suggestion
    from core.whisper.info import describe

    try:
        return describe(name, context.workspace.root if context.workspace else None).shape
    except UserError:
        known = suggestion(name)
        return known.shape if known else None


def is_here(name: str, context: Context) -> bool:
    from core.whisper.info import describe

    try:
        describe(name, context.workspace.root if context.workspace else None)
    except UserError:
        return False
    return True


def is_on_its_way(name: str, context: Context) -> bool:
    """Whether the demo is building this model just now."""
    from core import demo

    return context.workspace is not None and demo.is_on_its_way(name, context.workspace, context.config)


def check_memory(context: Context) -> Answer:
    """Free memory against a training step of the base model. Drivers may spill into the machine's memory without a
    word and become a hundred times slower, so nothing is left to an error later."""
    from core.training.memory import dividing_batch, largest_batch, memory_need

    card, train = cards(context)[0], context.config.train
    base = context.config.model.base
    shape = shape_of(base, context)
    if card.memory_free is None or card.memory_total is None:
        return ok(f"{card.short} does not tell its memory; the first training step will")
    free = f"{card.memory_free / GIB:.1f} of {card.memory_total / GIB:.1f} GB free"
    if shape is None:
        return ok(f"{free}; how much {base} needs is known once it is here")
    need = memory_need(train.method, shape, train.batch, card.memory_free)
    said = f"{free}; training {base} with batch {train.batch} needs about {need.needed / GIB:.1f} GB"
    if need.fits:
        return ok(f"{said}, with activations recomputed, as it will be" if need.recompute else said)
    held = sum(process.memory or 0 for process in card.processes)
    if need.needed <= card.memory_free + held:
        holders = "; ".join(held_by(process) for process in card.processes[:3])
        gigabytes = -(-need.needed // 10**9)
        return warn(said, holders, f"wait for them: under [model] in whispersmith.toml, wait_for_gb = {gigabytes}")
    smaller = largest_batch(train.method, shape, card.memory_free, below=train.batch)
    why = "too much for this card: it would stop, or spill into the machine's memory and crawl"
    if smaller is None:
        return warn(said, why, "choose a smaller base model: whispersmith model")
    effective = train.batch * train.accumulation
    batch = dividing_batch(effective, smaller)
    fix = f"under [train] in whispersmith.toml: batch = {batch}, accumulation = {effective // batch}"
    return warn(said, why, fix)
