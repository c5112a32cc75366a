"""The rows shown in an editor of the person's own, and back: what they changed there becomes edits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from core.clock import now_ms
from core.errors import UserError
from core.files import read_bytes, write_text
from core.review.text_form import FormLine, read, written
from core.store import TranscriptRow
from core.store.records import ChangedTexts, TextChange
from core.text import plural
from tui.effects import Effect, ShowError, Toast
from tui.screens.transcripts.saving import ChangeTexts, Written
from tui.terminal.external_editor import edit, editor_command
from tui.widgets import marks

MOST_BYTES = 64_000_000
WHAT = "edited in a file"


def edit_rows(
    rows: Sequence[TranscriptRow],
    folder: Path,
    suspended: Callable[[], AbstractContextManager[None]],
    change: Callable[[Sequence[TextChange], Path | None], object],
) -> Iterable[Effect]:
    """Write the texts of the rows to a file in `folder`, wait for the editor, and take what was changed.

    suspended: gives the terminal away meanwhile. change: takes texts, which are the person's own then, and the file,
    to be removed once all of them are on the disk. Where not all of it was understood the file stays, and the person
    is told where; None is given then.
    """
    lines = [FormLine(row.id, marks.length(row.start_ms), row.text) for row in rows]
    path = folder / f"texts-{now_ms()}.txt"
    try:
        command = editor_command()
        write_text(path, written(lines))
    except OSError as error:
        return [
            ShowError(UserError(f"{path} cannot be written", error.strerror or str(error), "make room on the disk"))
        ]
    except UserError as error:
        return [ShowError(error)]
    try:
        with suspended():
            edit(command, path)
        form = read(_decoded(path), lines)
    except UserError as error:
        return [ShowError(error)]
    before = {row.id: row for row in rows}
    if form.texts:
        changes = [TextChange(id, before[id].text, text, before[id].review) for id, text in form.texts.items()]
        change(changes, None if form.problems else path)
    if form.problems:
        what = f"{plural(len(form.problems), 'line')} could not be read back"
        why = "; ".join(form.problems[:5]) + ("; ..." if len(form.problems) > 5 else "")
        why += f"; no line is left of {plural(form.missing, 'row')}" if form.missing else ""
        taken = f"{plural(len(form.texts), 'row')} taken over. " if form.texts else ""
        return [ShowError(UserError(what, why, f"{taken}What you wrote is kept in {path}"))]
    if not form.texts:
        path.unlink(missing_ok=True)
    if form.missing:
        return [Toast(f"No line was left of {plural(form.missing, 'row')}: nothing is changed there")]
    return [] if form.texts else [Toast("Nothing was changed")]


def not_written(written: Written) -> list[Effect]:
    """Tell where texts of a file are kept that were left, as somebody else has written there."""
    edit, result = written.edit, written.result
    if not isinstance(edit, ChangeTexts) or edit.file is None:
        return []
    if not isinstance(result, ChangedTexts) or not result.left:
        return []
    what = f"{plural(result.left, 'row')} you changed in the file could not be taken over"
    why = "somebody else has written or judged them since"
    return [ShowError(UserError(what, why, f"What you wrote is kept in {edit.file}"))]


def _decoded(path: Path) -> str:
    data = read_bytes(path, MOST_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path.name} is not UTF-8 any more", str(error), f"save {path} as UTF-8; nothing is lost"
        ) from error
