"""`python -m tests.faults.races.process ROLE DATABASE SEED`: somebody at work in a workspace until stdin is closed.

Prints a line once it has begun, and what it did as one JSON value at its end. Whatever is no answer to a person (a
UserError) ends it with a traceback.
"""

from __future__ import annotations

import json
import random
import select
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.store import Segment, Store
from core.store.edits import WrittenMeanwhile
from core.store.records import SeenText, TextChange
from core.store.transcripts import MachineText, SegmentGone

Step = Callable[[], None]


def editor(path: Path, seed: int) -> tuple[Step, Callable[[], Any]]:
    """Does all that a person can do to texts, at random; a few texts and rejections, so that most can be cut away.

    Gives its last verdicts of "rejected", and its last texts, by segment, that it did not take back itself.
    """
    store, dice = Store(path), random.Random(seed)
    stands: dict[str, tuple[str, str]] = {}

    def pick() -> Segment:
        # As somebody who looked at the rows a moment ago.
        return dice.choice(store.segments.all())

    def save() -> None:
        row, text = pick(), f"人{dice.randrange(1000)}"
        # Words that a cut has moved here stand for a text that is to be found again: nobody who sees them writes over.
        if row.id not in stands and row.origin in (None, "machine"):
            with suppress(WrittenMeanwhile):
                store.transcripts.save(row.id, text, seen={SeenText(row.text, row.review)})
                stands[row.id] = (text, "accepted")

    def reject() -> None:
        row = pick()
        if row.id not in stands:
            store.transcripts.review(row.id, "rejected")
            stands[row.id] = (row.text if row.origin in ("human", "imported") else "", "rejected")

    def undo() -> None:
        row = pick()
        if store.transcripts.undo(row.id) is not None:
            stands.pop(row.id, None)

    def take_back() -> None:
        row = pick()
        if row.id not in stands and (entries := store.transcripts.history(row.id)):
            store.transcripts.take_back(row.id, dice.choice(entries)["id"])
            store.transcripts.undo(row.id)

    def many() -> None:
        rows = [row for row in store.segments.all() if row.id not in stands]
        if dice.random() < 0.5:
            store.transcripts.accept_all(row.id for row in rows)
        else:
            store.transcripts.change_texts((TextChange(row.id, row.text, f"{row.text}x") for row in rows), "x")
        for row in rows:
            store.transcripts.undo(row.id)

    def step() -> None:
        dice.choices((save, reject, undo, take_back, many), (2, 2, 4, 4, 1))[0]()

    return step, lambda: stands


def labeller(path: Path, seed: int) -> tuple[Step, Callable[[], Any]]:
    """Writes texts as labelling and its second opinion do, for segments that it has read before."""
    from core.labelling.dealing import settle
    from core.timed_text import TimedText, Word

    store, dice = Store(path), random.Random(seed)
    written: Counter[str] = Counter()

    def step() -> None:
        video = dice.choice(store.videos.all()).id
        rows, name = store.segments.all(video=video), dice.choice("ab")
        timed = store.timed_texts.begin(video, f"whisper:{name}", {}, anew=dice.random() < 0.5)
        words = (Word(0, 4000, name, -0.1), Word(4000, 8000, name, -0.2))
        store.timed_texts.add(timed.id, [TimedText(0, 10_000, name * 2, -0.15, 0.0, words)])
        store.timed_texts.finish(timed.id)
        texts = [MachineText(row.id, name, name, f"whisper:{name}", -0.3, 0.1, 1.0) for row in rows]
        written.update(store.transcripts.write_machine(texts))
        settle(store, video, str)
        store.segments.set_parts({row.id: dice.choice(("train", "test")) for row in rows}, {})

    return step, lambda: sum(written.values())


def rival(path: Path, seed: int) -> tuple[Step, Callable[[], Any]]:
    """Writes and judges one row, as it has seen it, as another does at the same time.

    Gives its changes, each as (text before, verdict before, text, verdict).
    """
    store, dice = Store(path), random.Random(seed)
    (row,) = store.segments.all()
    written: list[tuple[str, ...]] = []

    def step() -> None:
        now = store.segments.get(row.id)
        assert now is not None
        seen = SeenText(now.text, now.review)
        text = f"{seed}.{dice.randrange(10**9)}"
        # Where the other was quicker that is told, and the row is looked at again.
        with suppress(WrittenMeanwhile):
            if now.text and dice.random() < 0.5:
                review = dice.choice([one for one in ("accepted", "rejected") if one != now.review])
                store.transcripts.review(row.id, review, seen={seen})
                written.append((*seen, now.text, review))
            else:
                store.transcripts.save(row.id, text, seen={seen})
                written.append((*seen, text, "accepted"))

    return step, lambda: written


def older(path: Path, seed: int) -> tuple[Step, Callable[[], Any]]:
    """A labeller of an earlier version, whose connection was open before the tables became others: its statements."""
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    db.execute("PRAGMA foreign_keys = ON")
    written = 0

    def step() -> None:
        nonlocal written
        for (id,) in db.execute("SELECT id FROM segments").fetchall():
            db.execute("BEGIN IMMEDIATE")
            before = db.execute("SELECT origin, review FROM transcripts WHERE segment = ?", (id,)).fetchone()
            is_here = db.execute("SELECT 1 FROM segments WHERE id = ?", (id,)).fetchone()
            if is_here and before in (None, ("machine", "pending")):
                db.execute(
                    "INSERT INTO transcripts (segment, text, origin, review, flags, suspicion, updated) "
                    "VALUES (?, '舊', 'machine', 'pending', '[]', 0.5, 1) "
                    "ON CONFLICT (segment) DO UPDATE SET text = excluded.text, updated = excluded.updated",
                    (id,),
                )
                db.execute("UPDATE transcripts SET raw = '舊', model = 'old' WHERE segment = ?", (id,))
                db.execute(
                    "INSERT INTO edits (segment, at, who, before, after) VALUES (?, 1, 'label', NULL, '{}')", (id,)
                )
                written += 1
            db.execute("COMMIT")

    return step, lambda: written


ROLES = {"editor": editor, "labeller": labeller, "rival": rival, "older": older}


def main(role: str, path: Path, seed: int) -> None:
    step, result = ROLES[role](path, seed)
    print("begun", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        try:
            step()
        except SegmentGone:
            continue
        except UserError as error:
            # What a person is told who does to a text what cannot be done to it now.
            if "has no text" not in error.what:
                raise
    print(json.dumps(result(), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
