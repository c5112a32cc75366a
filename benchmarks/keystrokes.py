"""How many keys a correction takes, replayed: `python -m benchmarks.keystrokes` from the checkout.

    python -m benchmarks.keystrokes [--speech DIR] [--workspace DIR] [--model DIR] [--json]

Rows of real speech that a machine wrote and a person corrected (--speech, or $WHISPERSMITH_SPEECH: a recording with
human.csv and machine.csv) are corrected once more, in playing order, in two editors: the plain one, and the one that
offers where a second labeller differs, what was corrected in the seconds that two rows share, and to fix a mistake
everywhere. The second opinion is that of a real Whisper (--model, or $WHISPERSMITH_WHISPER: whisper-base) on whole
recordings, as `label --second` stores it; --workspace keeps it, so that it is heard once.

Counted are the keys of the best way that a search finds, in both editors by the same search (`benchmarks/typing.py`):
- what is said must be what the person wrote; punctuation, spaces, capitals and the script of Chinese are left alone;
- a Han character is 2.5 keys of an input method, anything else that is typed one, a chord (Ctrl, Alt, Shift) two;
- both begin with the cursor behind the text and have arrows, Home, End, up and down, words with Ctrl, backspace and
  delete, deletion of words and to either end of the line, and typing all of it anew; Enter for each row;
- with what is offered: Alt and a digit take a reading, `tab` selects the next place, so that typing replaces it, and a
  row that is expected to be wrong in more than 30 % is selected when it opens;
- fix everywhere is Ctrl+G and Enter, and down to each row whose tick is wrong, and space. It is asked for where that is
  less than what it spares, which a person sees in the number of rows.

A row's corrected characters count up to the length of what the person wrote. Exit 1 if the bound does not hold.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import Figure, report
from benchmarks.review_order import SETTINGS, as_machine_wrote, character_edits, prepare, run, texts_of
from benchmarks.typing import CHORD, corrected, typed
from core.review.differences import differences
from core.review.fix_everywhere import fixes, mistakes
from core.review.suspicion import letters, needs_retyping
from core.review.variants import Heard, offered
from core.spans import Span
from core.store import Segment, Store
from core.workspace import Workspace, create, open_workspace

BOUND = 0.8


@dataclass(frozen=True)
class Aids:
    """What is offered besides the plain editor."""

    second: bool = False
    shared: bool = False
    everywhere: bool = False


ALL = Aids(True, True, True)
AIDS = {
    "with all that is offered": ALL,
    "with the second labeller's readings only": Aids(second=True),
    "with what shared seconds tell only": Aids(shared=True),
    "with fix everywhere only": Aids(everywhere=True),
}


@dataclass(frozen=True)
class Recording:
    """rows: as the machine wrote them, in playing order; truths: what the person wrote; others: the second readings."""

    rows: Sequence[Segment]
    truths: Mapping[str, str]
    others: Mapping[str, str]


def recording_of(workspace: Workspace, speech: Path) -> Recording:
    with Store(workspace.db_path) as store:
        truths = texts_of(store, speech / "human.csv")
        rows = [as_machine_wrote(row) for row in store.segments.all() if row.id in truths and row.model]
        found = (store.second_readings.get(row.id) for row in rows)
        return Recording(
            sorted(rows, key=lambda row: row.start_ms), truths, {one.segment: one.other for one in found if one}
        )


def replay(recording: Recording, aids: Aids) -> float:
    """Keys for all rows."""
    keys = 0.0
    before: Heard | None = None
    texts = {row.id: row.text for row in recording.rows}
    for row in recording.rows:
        text, truth = texts.pop(row.id), recording.truths[row.id]
        other = recording.others.get(row.id) if aids.second else None
        places = differences(text, other) if other is not None else []
        heard = [before] if aids.shared and before is not None else []
        variants = offered(text, Span(row.start_ms, row.end_ms), places, "second", heard)
        retyped = needs_retyping(text, (row.end_ms - row.start_ms) / 1000, row.suspicion or 0.0)
        done = corrected(text, truth, variants, selected=aids != Aids() and retyped)
        keys += done.keys + 1.0
        before = Heard(row.start_ms, row.end_ms, done.text, "before")
        if aids.everywhere:
            keys += fix_everywhere(texts, recording.truths, text, done.text)
    return keys


def fix_everywhere(texts: dict[str, str], truths: Mapping[str, str], before: str, after: str) -> float:
    """Fix what was corrected in one row in those that are left, `texts`, where that spares keys; what it takes."""
    proposed = [(id, one, _keys_of(texts[id], truths[id]) - _keys_of(one.text, truths[id]))
                for id, one in fixes(texts.items(), mistakes(before, after))]  # fmt: skip
    wanted = [(id, one) for id, one, spared in proposed if spared > 0]
    wrong = [place for place, (_, one, spared) in enumerate(proposed) if one.is_likely != (spared > 0)]
    keys = CHORD + 1.0 + (wrong[-1] if wrong else 0) + len(wrong)
    if sum(spared for *_, spared in proposed if spared > 0) <= keys:
        return 0.0
    texts.update((id, one.text) for id, one in wanted)
    return keys


def _keys_of(text: str, truth: str) -> float:
    """About what it takes to mend a text: each place is gone to and typed over."""
    return sum(2.0 + place.end - place.start + typed(place.other) for place in differences(text, truth))


def characters(recording: Recording) -> int:
    """How many are corrected."""
    pairs = [(row.text, recording.truths[row.id]) for row in recording.rows]
    return sum(min(letters(truth), character_edits(text, truth)) for text, truth in pairs)


def figures(speech: Path, workspace: Workspace) -> list[Figure]:
    """Keys a corrected character, beside the plain editor's. workspace: with machine.csv and a second opinion on it."""
    recording = recording_of(workspace, speech)
    count = characters(recording)
    plain = replay(recording, Aids()) / count
    found = []
    for name, aids in AIDS.items():
        keys = replay(recording, aids) / count
        bound = round(BOUND * plain, 2) if aids == ALL else None
        found.append(Figure(f"keys a corrected character, {name}", "keys", keys, plain, bound))
    return found


def with_second_opinion(folder: Path, speech: Path, model: Path) -> Workspace:
    """A workspace of the recording with machine.csv's texts and a Whisper's second opinion on them; made if it is not
    here."""
    if (folder / "whispersmith.toml").exists():
        return open_workspace(folder)
    workspace = create(folder, config_text=SETTINGS.format(model="another"))
    prepare(workspace, next(speech.glob("*.mp4")))
    run(workspace, "import", {"path": str(speech / "machine.csv"), "as": "machine"})
    with Store(workspace.db_path) as store:
        # What the file has no text of is of no use here, and would call for the labeller.
        rest = [row.id for row in store.segments.all() if row.origin is None]
        store.segments.remove(rest)
    run(workspace, "label", {"second": str(model)})
    return workspace


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, default=os.environ.get("WHISPERSMITH_SPEECH"))
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--model", type=Path, default=os.environ.get("WHISPERSMITH_WHISPER"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.speech is None or (options.model is None and options.workspace is None):
        print("name real speech and a model, or a workspace: see --help")
        return 2
    speech = Path(options.speech).resolve()
    model = Path(options.model).resolve() if options.model is not None else Path()
    with tempfile.TemporaryDirectory() as folder:
        workspace = with_second_opinion((options.workspace or Path(folder) / "w").resolve(), speech, model)
        found = figures(speech, workspace)
    return report("keystrokes, replayed over real corrections", "plain editor", found, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
