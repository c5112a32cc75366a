"""Texts in a file for an editor, and back: what was changed counts, what is broken is told and loses nothing."""

from __future__ import annotations

from core.review.text_form import FormLine, read, written
from core.text import LONGEST_TEXT

LINES = [
    FormLine("talk_0_10", "0:00", "嗯 | 它的筋"),
    FormLine("talk_8_18", "0:08", ""),
    FormLine("talk_16_26", "0:16", "# 一\n二"),
]


def test_unchanged_nothing_is_changed_whatever_the_editor_does_to_blanks() -> None:
    content = written(LINES)
    assert content.splitlines()[3:] == [
        "talk_0_10 0:00 | 嗯 | 它的筋",
        "talk_8_18 0:08 | ",
        "talk_16_26 0:16 | # 一 二",
    ]
    stripped = "\ufeff" + "\r\n".join(line.rstrip() for line in content.splitlines())
    for same in (content, stripped, content + "\n\n", content.rstrip("\n")):
        assert read(same, LINES) == ({}, [], 0)


def test_changed_lines_are_texts_and_missing_ones_are_counted() -> None:
    content = "talk_8_18 0:08 | 新的 | 字\x1b[31m\ntalk_0_10 whatever | \n"
    assert read(content, LINES) == ({"talk_8_18": "新的 | 字", "talk_0_10": ""}, [], 1)


def test_what_is_broken_is_told_with_its_line() -> None:
    content = "\n".join(
        [
            "talk_0_10 0:00 新的",
            "talk_9_19 0:09 | 新的",
            "talk_8_18 0:08 | 一",
            "talk_8_18 0:08 | 二",
            "talk_8_18 0:08 | 一",
            f"talk_16_26 0:16 | {'長' * (LONGEST_TEXT + 1)}",
        ]
    )
    texts, problems, missing = read(content, LINES)
    assert (texts, missing) == ({"talk_8_18": "一"}, 1)
    assert [problem.split(" ")[1] for problem in problems] == ["1", "2", "4", "6"]
    assert "no bar" in problems[0]
    assert "the first one counts" in problems[2]
