"""label: a first transcript for every segment that has none, from captions where there are any, else by a Whisper."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.config import Config
from core.engines import ENGINES
from core.errors import UserError
from core.exchange.glossary import read_glossary
from core.jobs import Job
from core.labelling.first import FirstTranscripts
from core.labelling.second import check_second, hear_second
from core.store import Segment, Store
from core.text import plural
from core.workspace import Workspace

BY = ("recordings", "clips")


def arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("ids", nargs="*", metavar="ID", default=[], help="segments, or recordings; default: all")
    which.add_argument("--first", type="positive", metavar="N", help="the first N that are due, to try a labeller")
    parser.add_argument("--by", choices=BY, help="default: recordings, where the model can")
    parser.add_argument("--engine", choices=ENGINES, help="the library that decodes; default: what is best here")
    parser.add_argument("--second", metavar="MODEL", help="a second opinion: another Whisper, or a CSV with texts")
    parser.add_argument("--redo", action="store_true", help="write machine transcripts anew; human text stays")
    parser.add_argument("--no-captions", action="store_true", help="do not take what people wrote as captions first")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    second = arguments.second
    if second and (file := Path(second).expanduser()).is_file():
        second = str(file.resolve())
    return {
        "ids": arguments.ids or None,
        "first": arguments.first,
        "by": arguments.by,
        "engine": arguments.engine,
        "second": second,
        "redo": arguments.redo,
        "no_captions": arguments.no_captions,
    }


def report(result: dict[str, Any]) -> str:
    written = plural(result["captions"], "segment")
    said = [f"{written} written from captions, {result['labelled']} by the labeller; {result['flagged']} flagged"]
    if result.get("second"):
        said.append(f"second opinion by {result['second']}: {plural(result['compared'], 'segment')} compared")
    return "; ".join(said)


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse ids that are none, a glossary that is none, and a second labeller that can be none."""
    read_glossary(workspace.glossary)
    with Store(workspace.db_path) as store:
        _chosen(store.segments.all(), params)
        if asked := _second(config, params):
            check_second(workspace, store, config.model.labeller, asked)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Label segments; what is stored is done, so a killed run goes on where it was.

    Captions come first: a segment in whose time they say something gets their text (origin "caption", model
    `captions:<language>`, with `:automatic` for a site's recognition). Then what the labeller has heard before, which
    is only dealt; then it hears the rest: whole recordings in windows, or, where it cannot, segment by segment.

    params: ids (only these segments, or those of these recordings), first (so many), redo (also those with machine or
    caption text that is pending; what a person has written or changed is never touched), by, engine, second (in place
    of the settings), no_captions (the labeller writes all).
    Returns {"labelled", "flagged", "failed", "skipped", "loops", "empty", "model", "by"} of the labeller, "captions"
    (segments with text from captions), "cut" (how many of those are flagged so), "dealt" (written by what was heard
    before), "second" (who gave a second opinion, "" for nobody), "compared" (segments that have one).
    """
    with Store(workspace.db_path) as store:
        everything = store.segments.all()
        if not everything:
            raise UserError("there are no segments to label", "no video has been cut yet", "whispersmith segment")
        chosen = _chosen(everything, job.params)
        count = job.params.get("first")
        todo = due(chosen, bool(job.params.get("redo")), count)
        first = FirstTranscripts(workspace, config, job, store, todo)
        if todo:
            first.write()
        else:
            job.log(_nothing_due(job.params))
        first.advise(store.segments.all())
        asked, compared = _second(config, job.params), 0
        if asked:
            # Who tries labellers on a few segments tries both on the same.
            tried = {row.id for row in (todo if count and todo else chosen)}
            compared = hear_second(workspace, config, job, store, tried, asked, count)
        return first.result() | {"second": asked, "compared": compared}


def _nothing_due(params: dict[str, Any]) -> str:
    named = "each of these segments" if params.get("ids") else "every segment"
    if params.get("redo"):
        return f"a person has written or reviewed {named}: nothing is written anew"
    return f"{named} has a transcript already" + ("; --redo writes those of machines anew" if params.get("ids") else "")


def due(segments: Sequence[Segment], redo: bool = False, first: int | None = None) -> list[Segment]:
    """The segments to label, in playing order: those without a text, and with redo those with one of a machine's that
    nobody has reviewed or changed."""
    chosen = [segment for segment in segments if segment.origin is None or (redo and segment.may_be_rewritten)]
    return chosen[:first]


def _chosen(segments: Sequence[Segment], params: dict[str, Any]) -> list[Segment]:
    """Those that params name. UserError for an id that is neither a segment's nor a recording's."""
    ids = params.get("ids")
    if not ids:
        return list(segments)
    asked = {str(id).removesuffix(".wav") for id in ids}
    if unknown := asked - {segment.id for segment in segments} - {segment.video for segment in segments}:
        raise UserError(f"there is no segment {min(unknown)}", "nor a recording that is cut", "whispersmith segments")
    return [segment for segment in segments if segment.id in asked or segment.video in asked]


def _second(config: Config, params: dict[str, Any]) -> str:
    return str(params.get("second") or config.labeller.second)
