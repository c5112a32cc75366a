"""What counts as a text that repeats itself, and which of two searches of it is kept."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from core.engines.loops import holds_loop, without_loops

TALK = "他的雞皮是烤到有點脆脆的那種口感它上面好像有用一點鹽調味所以雞皮本身超香的然後干貝是大家說必點的"


@dataclass
class Found:
    text: str


@pytest.mark.parametrize(
    "text",
    [
        "喔" * 60,
        TALK + "喔" * 27 + TALK,
        TALK + "謝謝" * 8 + TALK,
        "a lot of talk, and then " + "you know, " * 5 + "more",
    ],
    ids=["all of it", "a character amid talk", "a word amid talk", "English"],
)
def test_a_loop_is_seen_also_amid_talk(text: str) -> None:
    assert holds_loop(text)


@pytest.mark.parametrize(
    "text", ["", TALK, "哈" * 12 + TALK, "好好好好" + TALK + "對對對對對", "ha ha ha ha, no no no"]
)
def test_laughing_and_agreeing_is_none(text: str) -> None:
    assert not holds_loop(text)


def test_what_repeats_itself_less_is_kept() -> None:
    loop = Found(TALK + "喔" * 27)
    asked: list[list[int]] = []

    def again(indices: list[int]) -> list[Found]:
        asked.append(indices)
        return [Found(TALK), Found(""), Found("喔" * 99)]

    assert [one.text for one in without_loops([loop, Found(TALK), loop, loop], again)] == [
        TALK, TALK, loop.text, loop.text
    ]  # fmt: skip
    assert asked == [[0, 2, 3]]
