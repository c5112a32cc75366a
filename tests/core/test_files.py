"""What anybody may have written is read within bounds: every odd file is a UserError that names it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import UserError
from core.files import MOST_DEPTH, parse_json, parse_toml, read_bytes, read_json

DEEP = 5000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nx = " + "[" * DEEP, "x.toml, line 2 is nested too deep"),
        ("x = " + "[" * DEEP + "]" * DEEP, "x.toml, line 1 is nested too deep"),
        ("x = 1\ny = [\n" + "[\n" * DEEP, f"x.toml, line {MOST_DEPTH + 2} is nested too deep"),
        ("x = " + "{a = " * DEEP + "1" + "}" * DEEP, "x.toml, line 1 is nested too deep"),
        # Neither of these makes the reader recurse; what reads on would.
        ("[a]\n[" + ".".join("a" * DEEP) + "]\n", "x.toml, line 2 is nested too deep"),
        ("\n\n" + ".".join(['"a b"'] * DEEP) + " = 1\n", "x.toml, line 3 is nested too deep"),
        ("x = " + "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), "x.toml, line 1 is nested too deep"),
        ("x = 1\ny = " + "9" * 5000, "x.toml, line 2 is a number that is too large"),
        ("[x]\n\ny = 0x" + "f" * 5000, "x.toml, line 3: x.y is a number that is too large"),
        ("x = [1, [99999999999999999999]]", "x.toml, line 1: x is a number that is too large"),
        ("x = \n", "x.toml is not valid TOML"),
    ],
)
def test_toml_that_would_break_its_readers(text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_toml(text, "x.toml")
    assert caught.value.what == said
    assert caught.value.why
    assert caught.value.fix


def test_toml_that_only_looks_so() -> None:
    many = "[" * 500
    text = f'a.b.c.d = 1\nlist = [{"[1.5], " * 1000}]\ntext = \'{many}\'  # {many}\nother = "\\"{many}"\n'
    assert parse_toml(text, "x.toml")["text"] == many
    assert parse_toml("x = " + "[" * MOST_DEPTH + "]" * MOST_DEPTH, "x.toml")
    assert parse_toml("x = 9223372036854775807", "x.toml") == {"x": 2**63 - 1}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1,\n"b": }', "x.json, line 2 is not JSON"),
        (b"[" * 200_000, "x.json is not JSON that can be read"),
        (b'{"a":' * 200_000, "x.json is not JSON that can be read"),
        (b"9" * 5000, "x.json is not JSON that can be read"),
        (b"\xff\xfe\xfa", "x.json is not JSON that can be read"),
    ],
)
def test_json_that_is_none(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_json(tmp_path / "x.json")
    assert caught.value.what == said
    assert len(caught.value.why) < 300
    with pytest.raises(UserError, match="line 7"):
        parse_json(data, "x.jsonl", 7)


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "plain").write_bytes(b"12345")
    for name, said in (
        ("folder", "folder is a folder"),
        ("pipe", "pipe is no file"),
        ("huge", "huge is too large"),
        ("loop", "cannot be read"),
        ("none", "cannot be read"),
        ("a\0b", "cannot be read"),
    ):
        with pytest.raises(UserError, match=said):
            read_bytes(tmp_path / name, 5)
    assert read_bytes(tmp_path / "plain", 5) == b"12345"
    with pytest.raises(UserError, match="too large"):
        read_bytes(tmp_path / "plain", 4)
