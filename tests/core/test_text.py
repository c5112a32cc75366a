from __future__ import annotations

import pytest

from core.text import LOOP_RATIO, character_errors, clean, compression_ratio, corpus_cer, is_loop, normalise


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("你好，世界！", "你好世界"),
        ("Hello,  World!", "hello world"),
        ("我 愛 ＷＨＩＳＰＥＲ 模型", "我愛whisper模型"),
        ("　全形　空白　", "全形空白"),
        ("", ""),
        ("。。。！？", ""),
        ("嗯~嗯 嗯", "嗯嗯嗯"),
    ],
)
def test_normalise(text: str, plain: str) -> None:
    assert normalise(text) == plain
    assert normalise(plain) == plain


def test_errors_are_counted_by_kind() -> None:
    errors = character_errors("它的筋吃起來軟", "它的金吃來軟呢")
    assert (errors.substitutions, errors.deletions, errors.insertions) == (1, 1, 1)
    assert errors.characters == 7
    assert errors.cer == pytest.approx(3 / 7)


def test_empty_texts() -> None:
    assert character_errors("", "what").cer is None
    assert character_errors("一二", "").cer == 1.0
    assert character_errors("一二", "，。").deletions == 2


def test_corpus_cer_weighs_by_length() -> None:
    assert corpus_cer([("一二三四", "一二三四"), ("五", "六")]) == pytest.approx(0.2)
    assert corpus_cer([("", "x")]) is None


def test_loops() -> None:
    assert is_loop("嗯" * 100)
    assert compression_ratio("嗯" * 100) > 10
    assert compression_ratio("今天我們要來吃一家很厲害的餐廳") < LOOP_RATIO
    assert not is_loop("")


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("line\nbreak\ttab", "line break tab"),
        ("\x1b]0;title\x07x", "x"),
        ("abc\u202edcba\u202c", "abcdcba"),
        ("[red]markup[/]", "[red]markup[/]"),
        ("\x00\x9b1mbell\x07", "1mbell"),
        ("  ", ""),
        (None, ""),
        ("👩‍👩‍👧 e\u0301", "👩‍👩‍👧 e\u0301"),
    ],
)
def test_clean(text: str | None, harmless: str) -> None:
    assert clean(text) == harmless


def test_clean_is_bounded() -> None:
    assert len(clean("長" * 10_000)) == 500
    assert clean("長" * 10_000).endswith("…")
