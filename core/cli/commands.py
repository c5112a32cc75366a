"""Commands that answer at once, from the store and the machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any, TypeVar

from core.cli import DONE, ITEM_FAILED, AppOptions, OpenApp, show
from core.clock import duration
from core.config import Config
from core.errors import UserError
from core.models.listing import ModelRow, listing
from core.query import segments as segment_language
from core.query import videos as video_language
from core.query.grammar import Query
from core.query.videos import ListedVideo
from core.redaction import redact_links, redact_values
from core.stage import lookup
from core.store import Segment, Store, TranscriptRow, Video
from core.store.records import SecondReading
from core.text import clean, file_size, plural
from core.whisper.folders import fetch_command
from core.workspace import Workspace, create, is_workspace, open_workspace

Arguments = argparse.Namespace
Row = TypeVar("Row")

WIDE = 100
"""Columns of a terminal from which on the captions of videos are shown, too."""

NARROW = 60
"""Below so many, length and licence would leave no room for the title."""

CODES = 3
"""Languages of captions that are named in a row."""


def app(arguments: Arguments, open_app: OpenApp) -> int:
    folder = arguments.dir or arguments.workspace
    if not folder.is_dir():
        what = f"{folder} is a file" if folder.exists() else f"there is no folder and no command {folder}"
        raise UserError(what, "whispersmith opens on a folder", f"whispersmith init {folder}, or: whispersmith --help")
    return open_app(folder, AppOptions(arguments.ascii, arguments.no_mouse))


def init(arguments: Arguments, _: OpenApp) -> int:
    if is_workspace(arguments.dir):
        open_workspace(arguments.dir)
        show.say(f"{arguments.dir} is a workspace already; nothing was changed")
        return DONE
    workspace = create(arguments.dir)
    with Store(workspace.db_path):
        pass
    show.say(f"{workspace.root} is a workspace now; next: whispersmith -w {workspace.root} add URL_OR_PATH")
    return DONE


def check(arguments: Arguments, _: OpenApp) -> int:
    from core.checks.check import FAIL, Context
    from core.checks.runner import run_all
    from core.checks.terminal import ask_ambiguous_width

    workspace = open_workspace(arguments.workspace) if is_workspace(arguments.workspace) else None
    width = ask_ambiguous_width() if sys.stdout.isatty() and not arguments.json else None
    context = Context(workspace, workspace.config() if workspace else Config(), ambiguous_width=width)
    done = []
    for result in run_all(context):
        done.append(result)
        if not arguments.json:
            show.say(f"{show.GLYPHS[result.verdict]} {result.title:<14} {result.found}")
            for name, text in (("why", result.why), ("fix", result.fix)):
                if text:
                    show.say(f"  {'':<14} {name}  {text}")
    if arguments.json:
        show.document([result.as_json() for result in done])
    return ITEM_FAILED if any(result.verdict == FAIL for result in done) else DONE


def show_models(workspace: Workspace, as_json: bool) -> int:
    """The chosen models, the tuned ones, other Whispers that are here, and those that are suggested.

    --json prints a list, one object a model, with at least these keys: id, roles (of base, labeller, tuned), here,
    bytes, path, parameters, download_bytes, memory_label_bytes, memory_train_bytes, languages, window_s, error
    (core.models.listing.ModelRow says what each means; null is "not known" or "not so").
    """
    rows = listing(workspace)
    if as_json:
        show.document([row.as_json() for row in rows])
        return DONE

    cells = [
        [
            ", ".join(row.roles) or ("here" if row.here else "suggested" if row.suggested else "not whole"),
            row.id,
            _model_size(row),
            show.memory(row.memory_label_bytes),
            show.memory(row.memory_train_bytes),
            _model_place(row),
        ]
        for row in rows
    ]
    titles = ("role", "model", "size", "to label", "to train", "where")
    columns = [(title, title in ("size", "to label", "to train")) for title in titles]
    show.table(columns, cells, "no model is chosen")
    return DONE


def _model_size(row: ModelRow) -> str:
    """On the disk, or about as much as is to be fetched."""
    if row.here and row.bytes:
        return file_size(row.bytes)
    return f"~{file_size(row.download_bytes)}" if row.download_bytes else "–"


def _model_place(row: ModelRow) -> str:
    """The path of what is here; else what is wrong with it, or how to get it."""
    if row.here:
        return row.path or ""
    begun = f"{file_size(row.partial_bytes)} are here already" if row.partial_bytes else ""
    if row.roles or not row.suggested:
        wrong = row.error["what"] if row.error and row.path else "missing"
        fix = row.error["fix"] if row.error else fetch_command(row.id)
        return "; ".join(filter(None, (f"{wrong}: {fix}", begun)))
    return "; ".join(filter(None, (row.note, begun)))


def videos(arguments: Arguments, _: OpenApp) -> int:
    workspace = open_workspace(arguments.workspace)
    query = _understood(video_language.parse(arguments.filter), video_language.HELP)
    with Store(workspace.db_path) as store:
        here = store.videos.captioned()
        found = [video for video in store.videos.all() if query.matches(ListedVideo(video, video.id in here))]
        if arguments.select or arguments.unselect:
            found = _select(store, found, arguments.select)
    if arguments.json:
        show.documents(video_json(video, here.get(video.id)) for video in found)
        return DONE
    _video_table(found, here, "no such video" if query else "no video yet: whispersmith add URL_OR_PATH")
    if arguments.select or arguments.unselect:
        count = sum(video.selected == arguments.select for video in found)
        show.say(f"{count} {'selected' if arguments.select else 'no longer selected'}", sys.stderr)
    return DONE


def _understood(query: Query[Row], help: str) -> Query[Row]:
    """The query. UserError where a part of it is not understood; help: its language in one line."""
    if query.complaint:
        raise UserError(f"{clean(query.text, 100)} is not understood", query.complaint, f"it takes: {help}")
    return query


def _select(store: Store, videos: list[Video], selected: bool) -> list[Video]:
    """Select or unselect them, and return them as they are then. What is private or gone is not selected."""
    able = [video.id for video in videos if not (selected and (video.error or {}).get("retry") == "never")]
    store.videos.select(able, selected)
    return store.videos.some([video.id for video in videos])


def _video_table(videos: list[Video], here: dict[str, str], empty: str) -> None:
    """Captions stand last where lines are read by programs, and not at all where a terminal is too narrow."""
    rows = [
        [
            video.id,
            duration(video.duration_ms),
            video.licence,
            ("selected" if video.selected and video.state == "listed" else video.state),
            (video.title or video.id) + (f" ({wrong['what']})" if (wrong := video.error or video.media_fault) else ""),
            captions_text(video, here.get(video.id)),
        ]
        for video in videos
    ]
    columns = [("id", False), ("length", True), ("licence", False), ("state", False), ("title", False)]
    columns.append(("captions", False))
    if sys.stdout.isatty():
        # On a terminal the title stands last, since it may run over several lines.
        width = show.console().width
        order = (0, 1, 2, 3, 5, 4) if width >= WIDE else (0, 1, 2, 3, 4) if width >= NARROW else (0, 3, 4)
        rows, columns = [[row[n] for n in order] for row in rows], [columns[n] for n in order]
    show.table(columns, rows, empty)


def captions_text(video: Video, here: str | None) -> str:
    """The language of the captions that are here, marked; else those that are offered, or – for none."""
    if here is not None:
        return f"{here or 'yes'} {show.GLYPHS['ok']}"
    offered = [*video.captions[:CODES], *(["…"] if len(video.captions) > CODES else [])]
    return ", ".join(offered) or "–"


def video_json(video: Video, captions_here: str | None) -> dict[str, Any]:
    """captions: languages that are offered, `:auto` recognised. captions_here: the language stored here, or null.

    asked: when the site was asked for what no list tells, in ms since 1970, or null.
    """
    return {
        "id": video.id,
        "title": video.title,
        "duration_ms": video.duration_ms,
        "licence": video.licence,
        "captions": list(video.captions),
        "state": video.state,
        "path": video.path,
        "error": redact_values(video.error or video.media_fault),
        "channel": video.channel,
        "url": redact_links(video.url),
        "upload_date": video.upload_date,
        "selected": video.selected,
        "captions_here": captions_here,
        "live_status": video.live_status,
        "asked": video.asked,
    }


def segments(arguments: Arguments, _: OpenApp) -> int:
    workspace = open_workspace(arguments.workspace)
    with Store(workspace.db_path) as store:
        query = None
        if arguments.filter:
            problems = _problems(workspace, store, arguments.filter)
            language = segment_language.language(store.videos.titles(), problems=problems)
            query = _understood(language.parse(arguments.filter), segment_language.HELP)
        found = _chosen(store, arguments, query)
        if arguments.json:
            show.documents(_with_second_readings(store, found))
            return DONE
        rows = ([s.id, s.review, s.origin or "–", ",".join(_flags(s)), s.text] for s in found)
        columns = [("segment", False), ("state", False), ("origin", False), ("flags", False), ("text", False)]
        show.table(columns, rows, "no such segment")
    return DONE


def _chosen(store: Store, arguments: Arguments, query: Query[TranscriptRow] | None) -> Iterator[Segment]:
    """The segments that are asked for, in playing order; never more than those of one recording are held at once."""
    for video in store.videos.titles() if arguments.video is None else [arguments.video]:
        found = store.segments.all(video=video, flag=arguments.flag, review=arguments.state)
        if query is not None and found:
            wanted = {row.id for row in query.select(store.segments.rows_of(video))}
            found = [segment for segment in found if segment.id in wanted]
        yield from found


def _problems(workspace: Workspace, store: Store, query: str) -> dict[str, frozenset[str]] | None:
    """What is wrong with the data set, where a query asks for it: it takes a look at every file."""
    if "problem" not in query.casefold() and "問題" not in query and "问题" not in query:
        return None
    from core.dataset.check import check_dataset

    return {problem.name: frozenset(problem.rows) for problem in check_dataset(workspace, store)}


def _with_second_readings(store: Store, segments: Iterable[Segment]) -> Iterator[dict[str, Any]]:
    """As JSON has them. segments: one recording's after the other's."""
    for video, rows in groupby(segments, key=lambda segment: segment.video):
        readings = store.second_readings.of(video)
        yield from (segment_json(row, readings.get(row.id)) for row in rows)


def _flags(segment: Segment) -> list[str]:
    """What a list says of a segment: where it is not of the present cut of its recording, that first."""
    return [*(["earlier-cut"] if segment.kept else []), *segment.sound_flags, *segment.flags]


def segment_json(segment: Segment, second: SecondReading | None) -> dict[str, Any]:
    """kept: of an earlier cut of its recording; it stays beside the present one for what a person gave it. model: who
    wrote the text, or what a person's text was before. second: how another labeller reads it; of each place in which
    the two differ [start, end, its reading], start and end being of the segment's text."""
    return {
        "id": segment.id,
        "video": segment.video,
        "start_ms": segment.start_ms,
        "end_ms": segment.end_ms,
        "path": segment.path,
        "text": segment.text,
        "origin": segment.origin,
        "model": segment.model,
        "state": segment.review,
        "flags": list(segment.flags),
        "kept": segment.kept,
        "suspicion": segment.suspicion,
        "split": segment.part,
        "avg_logprob": segment.avg_logprob,
        "no_speech_prob": segment.no_speech_prob,
        "compression_ratio": segment.compression_ratio,
        "dbfs": segment.dbfs,
        "speech": segment.speech,
        "peak_dbfs": segment.peak,
        "clipped": segment.clipped,
        "sound_flags": list(segment.sound_flags),
        "second": second
        and {"model": second.source, "text": second.other, "differences": second.places_in(segment.text)},
    }


def transcript(arguments: Arguments, _: OpenApp) -> int:
    workspace = open_workspace(arguments.workspace)
    id = arguments.segment.removesuffix(".wav")
    with Store(workspace.db_path) as store:
        if arguments.set is not None:
            store.transcripts.save(id, arguments.set)
        elif arguments.accept:
            store.transcripts.review(id, "accepted")
        elif arguments.reject:
            store.transcripts.review(id, "rejected")
        elif arguments.undo and store.transcripts.undo(id) is None:
            raise UserError(f"there is nothing to undo in {id}", "no person has changed it", "whispersmith segments")
        segment, second = store.segments.get(id), store.second_readings.get(id)
    if segment is None:
        raise UserError(f"there is no segment {id}", "its name is not in the store", "whispersmith segments")
    if arguments.json:
        show.document(segment_json(segment, second))
    else:
        show.table(
            [("segment", False), ("state", False), ("origin", False), ("text", False)],
            [[segment.id, segment.review, segment.origin or "–", segment.text]],
            "",
        )
    return DONE


def plan(arguments: Arguments, _: OpenApp) -> int:
    from core.jobs import launch
    from core.jobs.spawn import CODE
    from core.training.plan_rows import plan_lines
    from core.training.planning import read_plan

    workspace = open_workspace(arguments.workspace)
    if arguments.slurm:
        processes = max(arguments.slurm, workspace.config().train.processes)
        script = launch.slurm_script(workspace.root.resolve(), CODE, "train", arguments.slurm, processes)
        show.say(script.removesuffix("\n"))
        return DONE
    with Store(workspace.db_path) as store:
        made, stopped = read_plan(workspace, workspace.config(), store)
    if arguments.json:
        show.document(made.as_json() | {"stopped": asdict(stopped) if stopped else None})
        return DONE
    for line in plan_lines(made, stopped):
        show.say(line)
    return DONE


def status(arguments: Arguments, _: OpenApp) -> int:
    from core.status import summary

    workspace = open_workspace(arguments.workspace)
    with Store(workspace.db_path) as store:
        found = summary(store, workspace)
    if arguments.json:
        show.document(found.as_json())
        return DONE
    rows = [[name, str(count.done), plural(count.due, *lookup(name).items)] for name, count in found.stages.items()]
    show.table([("stage", False), ("done", True), ("due", False)], rows, "")
    show.say(f"next: {found.next}")
    return DONE
