"""One list of models for the command line and the screens: chosen, here, suggested."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from core.config import Config
from core.errors import UserError
from core.models.cache import Installed, installed, partial_bytes
from core.models.suggested import SUGGESTED, WINDOW_S, Suggested, suggestion
from core.text import as_utf8
from core.training.memory import memory_need
from core.training.planning import training_card
from core.whisper.decoding_memory import USUAL, batch_to_label, memory_to_label
from core.whisper.info import describe
from core.whisper.shape import Shape
from core.workspace import Workspace


@dataclass(frozen=True)
class ModelRow:
    """A model as the list shows it.

    roles: of base, labeller, tuned. kind: hub, folder or tuned. here: whole and usable, without asking the network.
    bytes: on the disk. partial_bytes: left by a download that was cut. download_bytes: an estimate, None where nothing
    is to be fetched or nothing is known. memory_*_bytes: on a GPU, estimates at the batch of the settings,
    that of training as the plan makes it.
    languages: codes the model knows; tuned_for: those it was fine-tuned for, as far as we know. window_s: audio seen at
    once. error: what, why, fix and detail, if it is here or chosen but cannot be used. last_used: seconds since 1970.
    """

    id: str
    roles: tuple[str, ...]
    kind: str
    here: bool
    suggested: bool
    note: str
    bytes: int | None
    partial_bytes: int
    path: str | None
    parameters: int | None
    download_bytes: int | None
    memory_label_bytes: int | None
    memory_train_bytes: int | None
    languages: tuple[str, ...]
    tuned_for: tuple[str, ...]
    window_s: float | None
    last_used: float | None
    error: dict[str, str] | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {name: list(getattr(self, name)) for name in ("roles", "languages", "tuned_for")}


def listing(workspace: Workspace, config: Config | None = None) -> list[ModelRow]:
    """The chosen models first, then the tuned ones, then other Whispers that are here, then the suggested ones.

    Asks no network. Walks the cache: call it in a thread, never where a screen is drawn.
    """
    config = config or workspace.config()
    here = {one.id: one for one in installed(workspace, config)}
    chosen = dict.fromkeys((config.model.base, config.model.labeller))
    tuned = [one.id for one in here.values() if one.kind == "tuned"]
    others = [one.id for one in here.values() if one.whisper and one.kind != "tuned"]
    names = dict.fromkeys([*chosen, *tuned, *others, *(one.id for one in SUGGESTED)])
    free = _free(config)
    return [_row(name, here.get(name), workspace, config, free) for name in names]


def _free(config: Config) -> int | None:
    """Bytes free on the card that a training would start on; None without one that tells it."""
    try:
        card = training_card(config.model.gpu)
    except UserError:
        return None  # the card of the settings is not there: the set-up checks say so, a list is no place for it
    return card.memory_free if card else None


def _row(name: str, found: Installed | None, workspace: Workspace, config: Config, free: int | None) -> ModelRow:
    roles = [role for role in ("base", "labeller") if getattr(config.model, role) == name]
    kind = found.kind if found else "hub"
    known = suggestion(name)
    row: dict[str, Any] = {
        "id": as_utf8(name),
        "roles": (*roles, *(("tuned",) if kind == "tuned" else ())),
        "kind": kind,
        "suggested": known is not None,
        "note": known.note if known else "",
        "tuned_for": known.tuned_for if known else (),
        "partial_bytes": found.partial_bytes if found else partial_bytes(name),
        "last_used": found.last_used if found else None,
    }
    try:
        info = describe(name, workspace.root)
    except UserError as error:
        # A suggested model that is not here is no error; one that is chosen, or lies here and is broken, is.
        wanted = bool(roles) or (found is not None and found.path is not None and not row["partial_bytes"])
        row["error"] = error.as_dict() if wanted else None
        return ModelRow(**row, **_absent(known, config, free), **_place(found))
    memory: dict[str, Any] = _memory(info.shape, config, free)
    return ModelRow(
        **row,
        here=True,
        bytes=info.bytes_on_disk,
        path=str(info.path),
        parameters=info.parameters,
        download_bytes=None,
        **memory,
        languages=info.languages,
        window_s=info.window_s,
        error=None,
    )


def _absent(known: Suggested | None, config: Config, free: int | None) -> dict[str, Any]:
    """What is known of a model that is not usable here."""
    return {
        "here": False,
        "parameters": known.parameters if known else None,
        "download_bytes": known.download_bytes if known else None,
        "languages": known.languages if known else (),
        "window_s": WINDOW_S if known else None,
        **_memory(known.shape if known else None, config, free),
    }


def _place(found: Installed | None) -> dict[str, Any]:
    path = as_utf8(found.path) if found and found.path else None
    return {"bytes": found.bytes if found and found.bytes else None, "path": path}


def _memory(shape: Shape | None, config: Config, free: int | None) -> dict[str, int | None]:
    """free: bytes free on the card; a training that would not fit recomputes activations, as its plan says, and
    labelling takes fewer windows at once. What more it would take of a large card's memory is not counted."""
    if shape is None:
        return {"memory_label_bytes": None, "memory_train_bytes": None}
    train, label = memory_need(config.train.method, shape, config.train.batch, free), config.label
    batch = label.batch or USUAL
    if not label.batch and free is not None:
        batch = min(USUAL, batch_to_label(shape, label.beam, free - memory_to_label(shape, 0, label.beam)))
    return {
        "memory_label_bytes": memory_to_label(shape, batch, label.beam),
        "memory_train_bytes": train.needed,
    }
