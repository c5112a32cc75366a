"""What stands behind the operator of a term, as tests of a row's number, length, date, or one of several names. Pure.

Each function gives what `Attribute.read` is: (operator, folded value) -> the test, ValueError for no such value. What
is not known of a row is neither more nor less than anything.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from core.query.grammar import Test

Row = TypeVar("Row")
Read = Callable[[str, str], Test[Row]]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})")
_UNITS = re.compile(
    r"(?:(\d+(?:\.\d+)?)(?:h|hr|hrs|hours?|小時|小时))?(?:(\d+(?:\.\d+)?)(?:m|min|mins|minutes?|分鐘|分钟|分))?"
    r"(?:(\d+(?:\.\d+)?)(?:s|sec|secs|seconds?|秒))?"
)
_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")
_NUMBER = re.compile(r"([-+–−]?)(\d*)(?:\.(\d*))?(%?)")


def several(value: str) -> list[str]:
    """The values of `state:pending,accepted`."""
    return [word for word in re.split("[,|、]", value) if word]


def one_of(get: Callable[[Row, str], bool], names: Mapping[str, str]) -> Read[Row]:
    """names: what a person may type -> the value; get(row, value): whether the row has it."""

    def read(_: str, value: str) -> Test[Row]:
        asked = [names.get(word) for word in several(value)]
        known = [name for name in asked if name is not None]
        if not known or len(known) < len(asked):
            raise ValueError
        if len(known) == 1:
            return lambda row: get(row, known[0])
        return lambda row: any(get(row, name) for name in known)

    return read


def compared(get: Callable[[Row], float | None], parse: Callable[[str], tuple[float, float]]) -> Read[Row]:
    """parse: a text -> (the number, the smallest step that it tells); `:` means within that step: 10m is what a clock
    shows as ten minutes and some seconds."""

    def read(sign: str, value: str) -> Test[Row]:
        low, dots, high = value.partition("..")
        start, step = parse(low)
        if dots:
            end, _ = parse(high)
            return lambda row: (found := get(row)) is not None and start <= found <= end
        compare = COMPARE.get(sign)
        if compare is None:
            return lambda row: (found := get(row)) is not None and start <= found < start + step
        return lambda row: (found := get(row)) is not None and compare(found, start)

    return read


def number(text: str) -> tuple[float, float]:
    """`-0.5`, `.97`, `50%`, and the step of its last digit. ValueError for anything else."""
    found = _NUMBER.fullmatch(text.replace("。", "."))
    if found is None or not (found[2] or found[3]):
        raise ValueError(text)
    scale = 0.01 if found[4] else 1.0
    value = float(f"{found[2] or 0}.{found[3] or 0}") * scale
    return (-value if found[1] in ("-", "–", "−") else value), scale * 10.0 ** -len(found[3] or "")


def milliseconds(bare: str) -> Callable[[str], tuple[float, float]]:
    """How lengths are read: 10m, 1h30m, 90s, 1:30:00, 10:30; as milliseconds, and the smallest unit that is named.

    bare: the unit, h, m or s, of a number without one.
    """

    def parse(text: str) -> tuple[float, float]:
        if found := _CLOCK.fullmatch(text):
            hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return (hours * 3600 + minutes * 60 + seconds) * 1000, 1000
        if re.fullmatch(r"\d+(?:\.\d+)?", text):
            text += bare
        found = _UNITS.fullmatch(text)
        if not text or found is None:
            # 1h30 is an hour and a half.
            if re.fullmatch(r"\d+(?:h|小時|小时)\d+", text):
                return parse(text + "m")
            raise ValueError(text)
        units = (3_600_000, 60_000, 1000)
        given = [(float(part), unit) for part, unit in zip(found.groups(), units, strict=True) if part]
        length = sum(part * unit for part, unit in given)
        if math.isinf(length):  # a number of hundreds of digits
            raise ValueError(text[:30])
        return round(length), given[-1][1]

    return parse


def date(get: Callable[[Row], str]) -> Read[Row]:
    """Of YYYY-MM-DD, "" for unknown. Compared as far as the date was given: after 2023 is from 2024 on."""

    def read(sign: str, value: str) -> Test[Row]:
        low, dots, high = value.partition("..")
        first, last = _day(low), _day(high if dots else low)
        compare = COMPARE.get(sign)
        if dots or compare is None:
            return lambda row: bool(day := get(row)) and day[: len(first)] >= first and day[: len(last)] <= last
        return lambda row: bool(day := get(row)) and compare(day[: len(first)], first)

    return read


def _day(text: str) -> str:
    """YYYY, YYYY-MM or YYYY-MM-DD."""
    found = _DATE.fullmatch(text.replace("。", "."))
    if found is None or not (1 <= int(found[2] or 1) <= 12 and 1 <= int(found[3] or 1) <= 31):
        raise ValueError(text)
    return "-".join([found[1], *(f"{int(part):02}" for part in found.groups()[1:] if part)])
