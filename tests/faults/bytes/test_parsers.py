"""Whatever bytes a file holds, its parser gives a value of its type or a UserError, and nothing else.

`pytest -m slow tests/faults/bytes` tries at least 2 000 examples a parser, others every time.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from core.errors import UserError
from core.exchange.formats import delimited
from core.exchange.formats.table import recognise
from core.labelling.file_texts import FileTextsReader
from tests.faults.bytes.parsers import PARSERS

QUICK, WHOLE = 100, 2000


@pytest.mark.parametrize("name", PARSERS)
def test_what_once_was_too_much(name: str, tmp_path: Path) -> None:
    for data in PARSERS[name].corpus:
        _attack(name, data, tmp_path)


@pytest.mark.parametrize("name", PARSERS)
def test_strangers_bytes(name: str, tmp_path: Path) -> None:
    """The same examples every time: what CI finds, it finds again."""
    _fuzz(name, tmp_path, QUICK, the_same=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_many_strangers_bytes(name: str, tmp_path: Path) -> None:
    _fuzz(name, tmp_path, WHOLE, the_same=False)


def _fuzz(name: str, folder: Path, examples: int, *, the_same: bool) -> None:
    @settings(
        max_examples=examples,
        derandomize=the_same,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(PARSERS[name].bytes)
    def attacked(data: bytes) -> None:
        _attack(name, data, folder)

    attacked()


def _attack(name: str, data: bytes, folder: Path) -> None:
    with contextlib.suppress(UserError):
        PARSERS[name].attack(data, folder)


@pytest.mark.parametrize("content", [b"[]", b'{"segments": []}', b"", b"\n"])
def test_a_table_of_no_rows_is_no_import(tmp_path: Path, content: bytes) -> None:
    table = tmp_path / "table.json"
    table.write_bytes(content)
    with pytest.raises(UserError):
        FileTextsReader([], [], lambda line: None).read(recognise(table))


def test_a_name_that_no_disk_takes_is_that_of_no_file_here(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"file_name,transcription\n{'x' * 300}.wav,一\n", encoding="utf-8")
    found = delimited.read(table)
    assert [found.audio_of(row) for row in found.rows] == [None]
