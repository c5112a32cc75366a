"""Evaluations: base beside tuned, with the texts of every test segment."""

from __future__ import annotations

import json
from typing import Any

from core.clock import now_ms
from core.store.database import Database
from core.store.records import Evaluation, EvaluationRow


class Evaluations:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, model: str, result: dict[str, Any], rows: list[EvaluationRow]) -> int:
        """Store one evaluation whole; returns its number."""
        with self._database.write() as db:
            cursor = db.execute(
                "INSERT INTO evaluations (at, model, result) VALUES (?, ?, ?)",
                (now_ms(), model, json.dumps(result, ensure_ascii=False)),
            )
            number = int(cursor.lastrowid or 0)
            db.executemany(
                "INSERT INTO evaluation_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        number,
                        r.segment,
                        r.reference,
                        r.base,
                        r.tuned,
                        r.base_errors,
                        r.tuned_errors,
                        r.characters,
                    )
                    for r in rows
                ],
            )
        return number

    def latest(self, model: str | None = None) -> Evaluation | None:
        """The newest evaluation (of that model), rows included; the largest change of errors first."""
        db = self._database.connection
        row = db.execute(
            "SELECT id, at, model, result FROM evaluations WHERE ? IS NULL OR model = ? ORDER BY id DESC LIMIT 1",
            (model, model),
        ).fetchone()
        if row is None:
            return None
        rows = db.execute(
            "SELECT segment, reference, base, tuned, base_errors, tuned_errors, characters FROM evaluation_rows "
            "WHERE evaluation = ? ORDER BY ABS(tuned_errors - base_errors) * 1.0 / MAX(characters, 1) DESC, segment",
            (row["id"],),
        )
        return Evaluation(
            row["id"],
            row["at"],
            row["model"],
            json.loads(row["result"]),
            tuple(EvaluationRow(**dict(r)) for r in rows),
        )

    def count(self) -> int:
        return int(self._database.connection.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0])
