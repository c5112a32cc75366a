"""The questions of the transcripts screen, as dialogs; what the answers do is the screen's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from core.labelling.forecast import LabelForecast
from core.store import TranscriptRow
from core.text import plural
from core.workspace import Workspace
from tui.screens import review_state
from tui.widgets import cells, marks
from tui.widgets.dialog import Choice, TextPrompt
from tui.widgets.path_completion import complete_path

CAPTIONS = (".srt", ".vtt")
LONGEST = 300
"""Characters of a text that are shown in a question."""


def label(found: LabelForecast, not_here: str) -> Choice:
    """Answers: "y" what has no text, "r" what was labelled one by one, anew. not_here: that the labeller is yet to be
    fetched, and how."""
    choices = [("n", "not now")]
    text = "Every segment has a text."
    if found.segments:
        choices.insert(0, ("y", f"write the texts of {plural(found.segments, 'segment')}"))
        text = f"{cells.harmless(found.model)} {_work(found)}."
    if found.alone is not None:
        texts = plural(found.alone.segments, "text")
        choices.insert(len(choices) - 1, ("r", f"write {texts} anew, from whole recordings"))
        text += (
            f"\n{texts} were written one by one: from whole recordings they have fewer errors. For that the labeller "
            f"{_work(found.alone)}."
        )
    return Choice(
        "Let the labeller write?", _with(f"{text} What a person has reviewed or changed stays.", not_here), choices
    )


def second_opinion(found: LabelForecast, not_here: str) -> Choice:
    """Answer "y": go on. not_here: that the model is yet to be fetched, and how."""
    text = (
        f"{cells.harmless(found.model)} {_work(found)}. Where it reads otherwise is marked, and comes first in the "
        "order of suspicion; no text is changed."
    )
    choices = [("y", f"a second reading of {plural(found.segments, 'segment')}"), ("n", "not now")]
    return Choice("A second opinion?", _with(text, not_here), choices)


def second_labeller(workspace: Workspace) -> TextPrompt:
    """The answer is a model, or a file with texts."""
    text = (
        "Another Whisper than the labeller (an id, or a folder), or a CSV with texts of these segments. It is asked "
        "for each time, unless second stands under [labeller] in whispersmith.toml."
    )
    return TextPrompt(
        "Whose second opinion?",
        check=lambda text: None if text.strip() else "name a model or a file",
        text=text,
        placeholder="openai/whisper-base",
        complete=partial(complete_path, roots=(Path.cwd(), workspace.root)),
    )


def _work(found: LabelForecast) -> str:
    """What is to be heard, and for how long that takes."""
    if found.is_file:
        return "is read beside what is here: nothing is heard"
    if not found.sound_ms:
        return "has heard all of it: nothing is heard again"
    what = f"hears {marks.total_length(found.sound_ms)} of {plural(found.recordings, 'recording')}"
    if found.seconds is None:
        return what
    return f"{what}: about {marks.total_length(round(found.seconds * 1000))}, as quick as last time"


def stop_job(who: str, progress: str) -> Choice:
    """Answer "s": stop it."""
    choices = [("g", "let it go on"), ("s", "stop it; what it has done is kept")]
    return Choice(f"{who} is at work", progress, choices)


def begin_round(counts: Mapping[str, int], last: Mapping[str, Any], not_here: str) -> Choice:
    """Answers and `last` as in `round_choices`. not_here: that the base model is yet to be fetched, and how."""
    text = (
        f"The base is trained on {plural(counts['usable'], 'accepted text')}, and that model writes the texts anew "
        "that nobody has written, accepted or rejected. What a person has touched stays."
    )
    return Choice("A round?", _with(text, not_here), round_choices(last))


def round_choices(last: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Answers: "y" go on, in the usual way or with the round that was stopped, "l" by the method light. last: the note
    of the last round (`core.stages.round.NOTE`), {} before the first."""
    step, method = last.get("step"), last.get("method", "quick")
    usual = {"train": f"go on with the round that was stopped: {method}", "label": "go on: its model writes the rest"}
    choices = [("y", usual.get(str(step), "quick: trains the decoder alone"))]
    if step != "label" and (step, method) != ("train", "light"):
        choices.append(("l", "light: changes all layers a little; learns more in twice the time"))
    return [*choices, ("n", "not now")]


def _with(text: str, not_here: str) -> str:
    return f"{text}\n\n{cells.harmless(not_here)}" if not_here else text


def place_text(gone: TranscriptRow, there: TranscriptRow | None, ascii: bool) -> Choice:
    """Where a text shall go whose segment was cut away, or written by somebody else: then it is the one there.

    Answers: "p" into the one there, "c" copy, "d" drop.
    """
    choices = [("c", "copy it"), ("d", "let it go; logs/log.txt has it")]
    what = "was cut away" if there is None or there.id != gone.id else "was changed elsewhere, too,"
    text = f"{review_state.span(gone, ascii)} {what} while this was written:\n\n{_shown(gone.text, ascii)}"
    if there is not None:
        by = {"human": "what a person wrote", "imported": "what a person wrote", None: "no text"}
        span = review_state.span(there, ascii)
        choices.insert(0, ("p", f"put it into {span}, in place of {by.get(there.origin, 'what is there')}"))
        now = "lies there now" if there.id != gone.id else "reads now"
        verdict = "" if there.review == "pending" else f" ({there.review})"
        text += f"\n\n{span} {now}{verdict}: {_shown(there.text, ascii) or '-'}"
    return Choice("Where shall this text go?", text, choices)


def _shown(text: str, ascii: bool) -> str:
    return cells.cut(cells.harmless(text), LONGEST, ".." if ascii else "…")


def import_from(workspace: Workspace) -> TextPrompt:
    """The answer is a path that is there: `workspace.find` says which."""
    beside = bool(captions_in(workspace.media))

    def check(text: str) -> str | None:
        if not text.strip():
            return "write the path of a file or a folder"
        return None if workspace.find(text).exists() else "there is nothing of that name"

    text = "A table (CSV, TSV, JSON), SRT or VTT, a folder of these, or one with metadata.csv beside its wavs."
    return TextPrompt(
        "Import transcripts",
        "media" if beside else "",
        check,
        text=text + ("\nThere are captions beside the recordings in media/." if beside else ""),
        placeholder="metadata.csv",
        complete=partial(complete_path, roots=(Path.cwd(), workspace.root)),
    )


ORIGINS = {"h": "human", "m": "machine", "s": "second"}
"""Answer of `import_as`: as what the import takes the texts."""


def import_as(path: Path) -> Choice:
    """Answers: the keys of ORIGINS."""
    choices = [
        ("h", "a person's: accepted, in place of a machine's"),
        ("m", "a machine's: to be reviewed"),
        ("s", "a second opinion: no text changes, what differs is marked"),
    ]
    return Choice(f"Whose texts are in {cells.harmless(path.name)}?", "What a person wrote here stays.", choices)


def captions_in(folder: Path) -> list[Path]:
    """Caption files right in a folder, by name."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in CAPTIONS and path.is_file())
