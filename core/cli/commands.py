"""Commands that answer at once, from the store and the machine."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli import DONE, ITEM_FAILED, AppOptions, OpenApp, show
from core.config import Config
from core.errors import UserError
from core.store import Segment, Store, Video
from core.workspace import Workspace, create, is_workspace, open_workspace

Arguments = argparse.Namespace


def app(arguments: Arguments, open_app: OpenApp) -> int:
    folder = arguments.dir or arguments.workspace
    if not folder.is_dir():
        what = f"{folder} is a file" if folder.exists() else f"there is no folder and no command {folder}"
        raise UserError(what, "whispersmith opens on a folder", f"whispersmith init {folder}, or: whispersmith --help")
    return open_app(folder, AppOptions(arguments.ascii, arguments.no_mouse))


def init(arguments: Arguments, _: OpenApp) -> int:
    if is_workspace(arguments.dir):
        print(f"{arguments.dir} is a workspace already; nothing was changed")
        return DONE
    workspace = create(arguments.dir)
    with Store(workspace.db_path):
        pass
    print(f"{workspace.root} is a workspace now; next: whispersmith -w {workspace.root} add URL_OR_PATH")
    return DONE


def check(arguments: Arguments, _: OpenApp) -> int:
    from core.stages import check as checks

    workspace = open_workspace(arguments.workspace) if is_workspace(arguments.workspace) else None
    context = checks.Context(workspace, workspace.config() if workspace else Config())
    done = []
    for result in checks.run_all(context):
        done.append(result)
        if not arguments.json:
            print(f"{show.GLYPHS[result.verdict]} {result.title:<14} {result.found}", flush=True)
            for name, text in (("why", result.why), ("fix", result.fix)):
                if text:
                    print(f"  {'':<14} {name}  {text}")
    if arguments.json:
        show.document(checks.as_json(done))
    return ITEM_FAILED if any(result.verdict == checks.FAIL for result in done) else DONE


def show_models(workspace: Workspace, as_json: bool) -> int:
    """The two models in the settings and the tuned ones, with where they lie and how big they are."""
    from core.status import tuned_models
    from core.whisper.loading import describe

    config = workspace.config()
    named = [("base", config.model.base), ("labeller", config.model.labeller)]
    named += [("tuned", f"models/{name}") for name in tuned_models(workspace)]
    rows: list[dict[str, Any]] = []
    for role, name in named:
        row: dict[str, Any] = {"role": role, "id": name, "here": False, "path": None, "bytes": None, "window_s": None}
        try:
            info = describe(name, workspace.root)
            row |= {"here": True, "path": str(info.path), "bytes": info.bytes_on_disk, "window_s": info.window_s}
        except UserError as error:
            row["error"] = error.as_dict()
        rows.append(row)
    if as_json:
        show.document(rows)
        return DONE
    cells = [
        [r["role"], r["id"], show.size(r["bytes"]) if r["here"] else f"missing: whispersmith model {r['id']}", r["path"] or ""]
        for r in rows
    ]
    show.table([("role", False), ("model", False), ("size", True), ("where", False)], cells, "no model is chosen")
    return DONE


def videos(arguments: Arguments, _: OpenApp) -> int:
    workspace = open_workspace(arguments.workspace)
    with Store(workspace.db_path) as store:
        found = store.videos.all()
    if arguments.json:
        show.document([video_json(video) for video in found])
        return DONE
    rows = [
        [
            video.id,
            show.clock(video.duration_ms),
            video.licence,
            ("selected" if video.selected and video.state == "listed" else video.state),
            video.title + (f" ({video.error['what']})" if video.error else ""),
        ]
        for video in found
    ]
    columns = [("id", False), ("length", True), ("licence", False), ("state", False), ("title", False)]
    show.table(columns, rows, "no video yet: whispersmith add URL_OR_PATH")
    return DONE


def video_json(video: Video) -> dict[str, Any]:
    return {
        "id": video.id,
        "title": video.title,
        "duration_ms": video.duration_ms,
        "licence": video.licence,
        "captions": list(video.captions),
        "state": video.state,
        "path": video.path,
        "error": video.error,
        "channel": video.channel,
        "url": video.url,
        "upload_date": video.upload_date,
        "selected": video.selected,
    }


def segments(arguments: Arguments, _: OpenApp) -> int:
    workspace = open_workspace(arguments.workspace)
    with Store(workspace.db_path) as store:
        found = store.segments.all(video=arguments.video, flag=arguments.flag, review=arguments.state)
    if arguments.json:
        show.document([segment_json(segment) for segment in found])
        return DONE
    rows = [[s.id, s.review, s.origin or "–", ",".join(s.flags), s.text] for s in found]
    columns = [("segment", False), ("state", False), ("origin", False), ("flags", False), ("text", False)]
    show.table(columns, rows, "no such segment")
    return DONE


def segment_json(segment: Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "video": segment.video,
        "start_ms": segment.start_ms,
        "end_ms": segment.end_ms,
        "path": segment.path,
        "text": segment.text,
        "origin": segment.origin,
        "state": segment.review,
        "flags": list(segment.flags),
        "suspicion": segment.suspicion,
        "split": segment.part,
        "avg_logprob": segment.avg_logprob,
        "no_speech_prob": segment.no_speech_prob,
        "compression_ratio": segment.compression_ratio,
        "dbfs": segment.dbfs,
        "speech": segment.speech,
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
        segment = store.segments.get(id)
    if segment is None:
        raise UserError(f"there is no segment {id}", "its name is not in the store", "whispersmith segments")
    if arguments.json:
        show.document(segment_json(segment))
    else:
        show.table(
            [("segment", False), ("state", False), ("origin", False), ("text", False)],
            [[segment.id, segment.review, segment.origin or "–", segment.text]],
            "",
        )
    return DONE


def plan(arguments: Arguments, _: OpenApp) -> int:
    from core.whisper.plan import make_plan

    workspace = open_workspace(arguments.workspace)
    with Store(workspace.db_path) as store:
        made = make_plan(workspace, workspace.config(), store)
    if arguments.json:
        show.document(made.as_json())
        return DONE
    for line in made.lines():
        print(line)
    return DONE


def status(arguments: Arguments, _: OpenApp) -> int:
    from core.status import summary

    workspace = open_workspace(arguments.workspace)
    with Store(workspace.db_path) as store:
        found = summary(store, workspace)
    if arguments.json:
        show.document(found.as_json())
        return DONE
    rows = [[name, str(count.done), str(count.due)] for name, count in found.stages.items()]
    show.table([("stage", False), ("done", True), ("due", True)], rows, "")
    print(f"next: {found.next}")
    return DONE
