"""Files written whole, and files that anybody may have written, read within bounds.

A settings file, captions or a table may be a pipe in a file's place, a gigabyte long, or thousands of brackets deep.
Every such thing is a UserError here, with the file and, where it is known, the line.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.temporaries import temporary_file

MOST_DEPTH = 64
"""Tables and arrays inside each other. Readers of TOML take one frame of Python's stack and more for each."""

MOST_BITS = 64
"""A larger whole number is no setting, and Python may refuse to write it (sys.set_int_max_str_digits)."""

MOST_JSON_BYTES = 64_000_000

# A dotted key: tomllib takes quadratic time for its parts.
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"^[ \t]*+\[{{0,2}}+[ \t]*+(?:{_PART}){{{MOST_DEPTH},}}", re.MULTILINE)
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{4000,}")
# One that does not close goes to the end: sought from every quote in it, it would cost the square of its length.
_QUOTED_OR_COMMENT = re.compile(r""""(?:\\.|[^"\\])*+(?:"|$)|'[^']*+(?:'|$)|#.*""")


def write_text(path: Path, text: str) -> None:
    """As `write_bytes`, in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_private(path: Path, text: str) -> None:
    """As `write_text`, for what only its owner may read: at no moment can anybody else."""
    write_bytes(path, text.encode("utf-8"), mode=0o600)


def private(name: str, flags: int) -> int:
    """For `open(..., opener=private)`: what it makes may be read by its owner only, from its creation."""
    return os.open(name, flags, 0o600)


def write_bytes(path: Path, data: bytes, mode: int = 0o666, *, durable: bool = True) -> None:
    """Write beside, fsync, replace: a reader sees the old file or the new one, never a half. mode: as for open(2).

    durable: False where nobody needs it after the machine went down, and it is written often.
    """
    with temporary_file(path, mode) as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())
        os.replace(file.name, path)


def append_whole(descriptor: int, data: bytes) -> None:
    """Write all of it, or nothing: OSError if there is no room.

    descriptor: open for appending, and by nobody else who writes meanwhile.
    """
    before = os.fstat(descriptor).st_size
    rest = memoryview(data)
    try:
        # One write, unless the system takes less: then it goes on, or meets what is wrong.
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.ftruncate(descriptor, before)
        raise


NO_ROOM_BYTES = 65_536


def has_no_room(folder: Path) -> bool:
    """Whether nothing useful can be written there any more."""
    try:
        return shutil.disk_usage(folder).free < NO_ROOM_BYTES
    except OSError:
        return False


def sync(path: Path) -> None:
    """Force to the disk what a file holds, or which files a folder has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_read(path: Path) -> str:
    """SHA-256 of a file in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(path: Path) -> str | None:
    """SHA-256 of a file in hex; None if it cannot be read."""
    try:
        return digest_read(path)
    except OSError:
        return None


_SAMPLES, _SAMPLE_BYTES = 16, 1 << 16


def spread_samples(path: Path) -> Iterator[bytes]:
    """1 MB of a file, spread over it from its beginning to its end; all of one that is smaller. Raises OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek(number * max(0, size - _SAMPLE_BYTES) // (_SAMPLES - 1))
            yield file.read(_SAMPLE_BYTES)


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """The content of a regular file. UserError if it is none, cannot be read, or is longer than `most_bytes`."""
    try:
        # A pipe without a writer would hold up an open that blocks.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(path, error) from error
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise UserError(f"{path.name} is a folder", f"a file is wanted at {path}", "move it elsewhere")
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{path.name} is no file", f"{path} is a pipe or a device", "put a file in its place")
        if found.st_size > most_bytes:
            why = f"{found.st_size / 1e6:.1f} MB, and more than {most_bytes / 1e6:g} MB is not read"
            raise UserError(f"{path.name} is too large", why, f"check that {path} is the right file")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: Exception) -> UserError:
    why = getattr(error, "strerror", None) or str(error)
    return UserError(f"{path} cannot be read", why, "check that the file is there and readable")


def read_json(path: Path, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """The value in a JSON file. UserError as in `read_bytes` and `parse_json`."""
    return parse_json(read_bytes(path, most_bytes), path.name)


def parse_json(text: str | bytes, name: str, line: int | None = None) -> Any:
    """The value of a JSON text. UserError where it is none, or nested too deep.

    name: of the file, for the error. line: the line of the file that this text is; None if it is all of it.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{name}, line {line or error.lineno}"
        raise UserError(f"{place} is not JSON", str(error), "mend that line, or write the file anew") from error
    except (ValueError, RecursionError) as error:
        # Bytes that are no text, a number of thousands of digits, or brackets without end.
        place = name if line is None else f"{name}, line {line}"
        why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:200]
        raise UserError(f"{place} is not JSON that can be read", why, "write the file anew") from error


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The tables of a TOML text. UserError where it is none, is nested too deep, or holds a number beyond 64 bits."""
    if found := _LONG_KEY.search(text):
        raise _too_deep(name, _line_at(text, found.end()))
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name} is not valid TOML", str(error), f"mend that line in {name}") from error
    except RecursionError as error:
        raise _too_deep(name, _deep_line(text)) from error
    except ValueError as error:  # a decimal number that Python refuses to read
        number = _LONG_NUMBER.search(text)
        raise _too_long(_place(name, _line_at(text, number.start()) if number else None)) from error
    _check(data, text, name)
    return data


def _check(data: dict[str, Any], text: str, name: str) -> None:
    """UserError for what is nested too deep or too large. A loop: the recursion it guards against is not made."""
    left: list[tuple[tuple[str, ...], Any]] = [((), data)]
    while left:
        keys, value = left.pop()
        if len(keys) > MOST_DEPTH:
            raise _too_deep(name, _deep_line(text))
        if isinstance(value, dict):
            left += [((*keys, str(key)), one) for key, one in value.items()]
        elif isinstance(value, list):
            left += [((*keys, "[]"), one) for one in value]
        elif isinstance(value, int) and value.bit_length() > MOST_BITS:
            named = tuple(key for key in keys if key != "[]")
            raise _too_long(f"{_place(name, line_of(text, named))}: {'.'.join(named)}")


def line_of(text: str, keys: tuple[str, ...]) -> int:
    """The 1-based line where `[table]` or `key =` inside it stands; 1 if it is written in another form."""
    table, current, fallback = ".".join(keys[:-1]), "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.split("#", 1)[0].strip()
        if stripped.startswith("["):
            current = stripped.strip("[] \t")
            if current == ".".join(keys):
                return number
            if current == table:
                fallback = number
        elif "=" in stripped and stripped.split("=", 1)[0].strip().strip("\"'") == keys[-1] and current == table:
            return number
    return fallback


def _deep_line(text: str) -> int | None:
    """The first line on which more brackets are open than may be; None where another form hides it."""
    depth = 0
    for number, line in enumerate(text.split("\n"), start=1):
        for char in _QUOTED_OR_COMMENT.sub("", line):
            depth += (char in "[{") - (char in "]}")
            if depth > MOST_DEPTH:
                return number
    return None


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _place(name: str, line: int | None) -> str:
    return name if line is None else f"{name}, line {line}"


def _too_deep(name: str, line: int | None) -> UserError:
    why = f"more than {MOST_DEPTH} tables or lists stand inside each other"
    return UserError(f"{_place(name, line)} is nested too deep", why, "write it flatter, or delete it")


def _too_long(place: str) -> UserError:
    return UserError(
        f"{place} is a number that is too large", f"it has more than {MOST_BITS} bits", "write a smaller one"
    )
