"""JSON that lies on a disk, read as frozen dataclasses: another shape is a ValueError, never another exception.

Files of a workspace outlive the version that wrote them, and crashes of the machine: nesting without an end, numbers of
thousands of digits, halves of characters, NaN and fields of other types are all possible. `read` and `build` are the
only ways in; the types below say what a field may hold so that whoever shows it need not ask again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter, ValidationError
from pydantic_core import from_json

from core.errors import UserError
from core.files import read_json

T = TypeVar("T")

MAX_MILLIS = 253_402_300_799_000
Millis = Annotated[int, Field(ge=0, le=MAX_MILLIS)]
"""Milliseconds since 1970, up to the year 9999: what the calendar of this machine can show."""

Count = Annotated[int, Field(ge=0, le=2**53)]
Positive = Annotated[int, Field(ge=1, le=2**53)]
Number = Annotated[float, Field(allow_inf_nan=False)]


def _whole(text: str) -> str:
    text.encode("utf-8")  # UnicodeEncodeError is a ValueError
    return text


Text = Annotated[str, AfterValidator(_whole)]
"""A text without halves of characters, which neither the store nor a terminal can take."""


def _user_error(value: object) -> UserError:
    if isinstance(value, UserError):
        return value
    parts = {name: value.get(name, "") for name in UserError.FIELDS} if isinstance(value, Mapping) else {}
    if not parts or not all(isinstance(part, str) for part in parts.values()):
        raise ValueError("not an error of what, why and fix")
    return UserError(**parts)


ErrorField = Annotated[UserError, PlainValidator(_user_error)]
"""A UserError, written as the object of `UserError.as_dict`."""


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)


def parse(text: bytes | str) -> dict[str, Any]:
    """A JSON object, quickly: a line of a log. ValueError if the text is none; nesting deeper than 200, integers over
    4300 digits and halves of characters count so."""
    return _object(from_json(text))


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"not a JSON object but {type(found).__name__}")
    return found


def build(kind: type[T], data: Mapping[str, Any]) -> T:
    """The dataclass `kind` with these fields; others are ignored. ValueError if one is missing or of another type."""
    try:
        return _adapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg']}") from error


def build_or_default(kind: type[T], data: Mapping[str, Any]) -> T:
    """As `build`; where the data is of another shape, what the class is without any. Every field has a default."""
    try:
        return build(kind, data)
    except ValueError:
        return kind()


def read(kind: type[T], path: Path, limit: int) -> T:
    """A file of one JSON object, at most `limit` bytes. ValueError if it is missing, or with what is wrong with it.

    Halves of characters are let through where a field is no `Text`: a file's name that is no UTF-8 stands so in what a
    job was asked for.
    """
    try:
        data = read_json(path, limit)
    except UserError as error:
        raise ValueError(error.why) from error
    return build(kind, _object(data))
