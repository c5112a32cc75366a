"""Evaluations: base beside tuned, with the texts of every test segment."""

from __future__ import annotations

import json
from dataclasses import astuple, fields
from typing import Any

from core.clock import now_ms
from core.store.database import Database
from core.store.records import Evaluation, EvaluationRow

_ROW = tuple(field.name for field in fields(EvaluationRow))
_UNFINISHED = 0
"""The time of an evaluation whose rows are still being written."""


class Evaluations:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, model: str, result: dict[str, Any], rows: list[EvaluationRow]) -> int:
        """Store one evaluation; returns its number. It is seen when all of its rows are there."""
        with self._database.write() as db:
            # What a killed process left half-written; its rows go with it.
            db.execute("DELETE FROM evaluations WHERE at = ? AND model = ?", (_UNFINISHED, model))
            cursor = db.execute(
                "INSERT INTO evaluations (at, model, result) VALUES (?, ?, ?)",
                (_UNFINISHED, model, json.dumps(result, ensure_ascii=False)),
            )
            number = int(cursor.lastrowid or 0)
        marks = ", ".join("?" * (1 + len(_ROW)))
        self._database.write_many(
            f"INSERT INTO evaluation_rows (evaluation, {', '.join(_ROW)}) VALUES ({marks})",
            ((number, *astuple(row)) for row in rows),
        )
        with self._database.write() as db:
            db.execute("UPDATE evaluations SET at = ? WHERE id = ?", (now_ms(), number))
        return number

    def latest(self, model: str | None = None, *, rows: bool = True) -> Evaluation | None:
        """The newest evaluation (of that model); its rows by the size of the change, unless they are not wanted."""
        db = self._database.connection
        row = db.execute(
            "SELECT id, at, model, result FROM evaluations WHERE at <> ? AND (? IS NULL OR model = ?) "
            "ORDER BY id DESC LIMIT 1",
            (_UNFINISHED, model, model),
        ).fetchone()
        if row is None:
            return None
        found = db.execute(
            f"SELECT {', '.join(_ROW)} FROM evaluation_rows WHERE evaluation = ? "
            "ORDER BY ABS(tuned_errors - base_errors) * 1.0 / MAX(characters, 1) DESC, segment",
            (row["id"] if rows else None,),
        )
        result = json.loads(row["result"])
        return Evaluation(row["id"], row["at"], row["model"], result, tuple(EvaluationRow(*values) for values in found))

    def models(self) -> set[str]:
        """The models that were measured."""
        query = "SELECT DISTINCT model FROM evaluations WHERE at <> ?"
        return {str(row[0]) for row in self._database.connection.execute(query, (_UNFINISHED,))}
