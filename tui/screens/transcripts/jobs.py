"""What the transcripts screen has done elsewhere: in jobs (label, import, export), or to many rows in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from core.errors import UserError
from core.events import ItemFailed, JobState
from core.store import Segment, Store
from core.workspace import Workspace
from tui.bridge import JobBatch
from tui.job_text import progress_text
from tui.screens.pipeline import ErrorBanner, PipelineScreen
from tui.widgets import dialog

CAPTIONS = (".srt", ".vtt")


def captions_in(folder: Path) -> list[Path]:
    """Caption files right in a folder, by name."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in CAPTIONS and path.is_file())


def find(workspace: Workspace, text: str) -> Path:
    """What a person means by a path: as it is from here, else inside the workspace."""
    path = Path(text.strip()).expanduser()
    if not path.is_absolute() and not path.exists():
        path = workspace.root / path
    return path.absolute()


def accept_pending(path: Path, ids: Iterable[str]) -> list[str]:
    """Accept those of the segments that are still pending and have text, all of them or none; returns their ids."""
    done = []
    with Store(path) as store, store.write():
        for id in ids:
            now = store.segments.get(id)
            if now is not None and now.review == "pending" and now.text.strip():
                store.transcripts.review(id, "accepted")
                done.append(id)
    return done


def ask_accept_all(
    screen: PipelineScreen, segments: Iterable[Segment], accepted: Callable[[list[str]], object]
) -> None:
    """Ask before so many are accepted unread; `accepted(ids)` when they are."""
    ids = [s.id for s in segments if s.review == "pending" and s.origin is not None and s.text.strip()]
    if not ids:
        screen.toast("No pending row with text is shown")
        return
    path = screen.workspace.db_path
    text = "Every pending row shown now that has text. Nobody may have read them; u takes all of them back."
    choices = [("y", f"accept {len(ids)} rows as they are"), ("n", "leave them pending")]

    def answered(answer: str) -> None:
        if answer == "y":
            screen.in_thread(lambda: accept_pending(path, ids), accepted, group="bulk")

    screen.open_dialog(dialog.Choice(f"Accept {len(ids)} rows?", text, choices), answered)


def undo_each(path: Path, ids: Iterable[str]) -> int:
    """Take back the last change of each segment, all of them or none; returns how many there were."""
    with Store(path) as store, store.write():
        return sum(store.transcripts.undo(id) is not None for id in ids)


def ask_import(screen: PipelineScreen) -> None:
    workspace = screen.workspace
    beside = bool(captions_in(workspace.media))

    def check(text: str) -> str | None:
        if not text.strip():
            return "write the path of a file or a folder"
        return None if find(workspace, text).exists() else "there is nothing of that name"

    def start(answer: str) -> None:
        screen.query_one(ErrorBanner).show(None)
        screen.start_job("import", {"path": str(find(workspace, answer))})

    text = "A CSV, TSV, JSONL, SRT or VTT file, a folder of them, or one with metadata.csv. What a person wrote stays."
    prompt = dialog.TextPrompt(
        "Import corrected transcripts",
        "media" if beside else "",
        check,
        text=text + ("\nThere are captions beside the recordings in media/." if beside else ""),
        placeholder="metadata.csv",
    )
    screen.open_dialog(prompt, start)


def label_or_stop(screen: PipelineScreen, without_text: int) -> None:
    """Start the labeller; or, while it works, ask whether to stop it."""
    live = screen.live_jobs("label")
    if live:
        folder = live[0].folder
        choices = [("g", "let it go on"), ("s", "stop it; what it has written is kept")]
        question = dialog.Choice("The labeller is at work", progress_text(live[0]), choices)
        screen.open_dialog(question, lambda answer: screen.stop_job(folder) if answer == "s" else None)
    elif not without_text:
        screen.toast(
            "Every segment has a text already" if screen.store.segments.counts()["segments"] else "No segments"
        )
    else:
        screen.query_one(ErrorBanner).show(None)
        screen.start_job("label", {}, lambda _: screen.toast(f"The labeller starts on {without_text} segments"))


def export(screen: PipelineScreen) -> None:
    """Start an export; both screens that offer it do it this way."""
    if screen.live_jobs("export"):
        screen.toast("The export is at work already")
    else:
        screen.start_job("export", {})


def end_of(batch: JobBatch) -> tuple[str, UserError | None]:
    """(what to say, what went wrong) of a job that has ended."""
    view, result = batch.view, batch.view.result
    if view.state == JobState.CANCELLED:
        return "", None
    if view.error is not None:
        return "", view.error
    failed = next((item.error for item in batch.of(ItemFailed)), None)
    said = ""
    if view.stage == "label" and result:
        said = f"{result.get('labelled', 0)} segments labelled, {result.get('flagged', 0)} flagged: o sorts them first"
        said = f"{result['captions']} texts from captions; {said}" if result.get("captions") else said
    elif view.stage == "import" and result:
        said = f"{result.get('imported', 0)} of {result.get('rows', 0)} texts imported"
        kept = result.get("kept", 0)
        said += f", {kept} left as a person wrote them" if kept else ""
        unmatched = len(result.get("unmatched") or ())
        said += f", {unmatched} belong to no segment here" if unmatched else ""
    elif view.stage == "export" and result:
        said = f"{result.get('train', 0)} train and {result.get('test', 0)} test segments in {result.get('path', '')}"
    return said, failed
