from __future__ import annotations

import random
import re
import sys
import time
import unicodedata

import pytest

from core import text as text_module
from core.text import (
    JOINED,
    LOOP_RATIO,
    MARKS,
    character_errors,
    clean,
    compression_ratio,
    corpus_cer,
    hidden_escaped,
    is_loop,
    join_texts,
    normalise,
    plural,
)


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
        ("one\r\ntwo\u2028three\x85four\x0bfive\x1csix", "one two three four five six"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]52;c;Y2xpcA==\x1b\\x", "x"),
        ("a\x9d8;;http://evil\x9clink\x9d8;;\x9cb", "alinkb"),
        ("a\x90q\x9cb\x98s\x07c\x9ep\x1b\\d\x9fq\x9ce\x1bPx\x1b\\f\x1b_x\x07g", "abcdefg"),
        # A string without an end swallows nothing of the title.
        ("\x9d0;the title", "0;the title"),
        ("\x1b]the title", "the title"),
        ("\x1b(0lqk\x1b(B\x1b#8\x1bc\x1b=", "lqk"),
        ("abc\u202edcba\u202c \u2066x\u2069\u200f\u061cy", "abcdcba xy"),
        ("[red]markup[/]", "[red]markup[/]"),
        ("\x00\x9b1mbell\x07", "bell"),
        ("a\u2061\u2062\u2063\u2064\u206a\u206fb", "ab"),
        ("a\U000e0001\U000e0041\U000e007fb", "ab"),
        ("a\ud800b\udfff", "ab"),
        ("a\ufeff\ufff9\ufffb\ufffe\uffff\u00ad\u034f\u180eb", "a b"),
        ("\u3164\u115f\u1160\uffa0\u2800\u00a0\u3000\u200b", ""),
        ("\x1b[31m\u202e\n", ""),
        ("  ", ""),
        ("", ""),
        (None, ""),
        ("👩‍👩‍👧 e\u0301", "👩‍👩‍👧 e\u0301"),
        ("👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽", "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽"),
        # Persian and Hindi are spelt with joiners; a chillu of Malayalam ends with one.
        ("می\u200cخواهم क\u094d\u200dष ന\u0d4d\u200d ക", "می\u200cخواهم क\u094d\u200dष ന\u0d4d\u200d ക"),
        ("a\u200db \u200d\u200d好\u200d \u200c", "ab 好"),
        ("好\u200d\u200d\u200d人", "好\u200d人"),
        ("\u0301\u0302abc \u0301d", "abc d"),
        ("Z\u0351\u0352\u0353\u0354\u0355\u0356a", "Z\u0351\u0352\u0353\u0354a"),
        ("ก็ที่ ệ ཧཱུྃ", "ก็ที่ ệ ཧཱུྃ"),
    ],
)
def test_clean(text: str | None, harmless: str) -> None:
    assert clean(text) == harmless


def test_clean_is_bounded() -> None:
    assert len(clean("長" * 10_000)) == 500
    assert clean("長" * 10_000).endswith("…")
    assert clean("क\u094d\u200d" * 100, 6) == "क\u094d\u200dक\u094d…"
    assert max(map(len, re.findall("👩(?:\u200d👩)*", clean("👩" + "\u200d👩" * 50)))) == 2 * JOINED - 1


# fmt: off
NASTIES = [
    "\x1b", "\x1b[", "\x1b[31", "\x1b]", "\x1b]0;", "\x1bP", "\x07", "\x1b\\", "\x9b", "\x9d", "\x9c", "\x90",
    "\x98", "\x9f", "\x00", "\x08", "\x7f", "\r", "\n", "\t", "\x85", "\u2028", "\u202e", "\u2066", "\u2069",
    "\u200f", "\u061c", "\u200b", "\u200d", "\u200c", "\ufeff", "\u2060", "\u2064", "\U000e0041", "\ud800",
    "\udc00", "\uffff", "\U0001d173", "\u3164", "\u0301", "\u0e49", "\u20dd", "\ufe0f", "\U000e0100", "e", "長",
    "👩", "क", "\u094d", "[", "m", ";", "0", " ", "م", "가",
]
# fmt: on
VISIBLE = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Signs that Unicode files under formats, and that are drawn: they stand over the number that follows."""


def assert_harmless(dirty: str, limit: int) -> None:
    text = clean(dirty, limit)
    assert len(text) <= limit
    assert text == text.strip()
    kinds = [unicodedata.category(char) for char in text]
    for char, kind in zip(text, kinds, strict=True):
        assert kind not in ("Cc", "Cs", "Zl", "Zp"), (dirty, text)
        assert kind != "Cf" or char in "\u200c\u200d", (dirty, text)
    assert not kinds or kinds[0][0] != "M", (dirty, text)
    assert not re.search("M" * (MARKS + 1), "".join(kind[0] for kind in kinds)), (dirty, text)
    assert "\u200d\u200d" not in text
    assert "  " not in text
    text.encode("utf-8")
    assert clean(text, limit) == text, (dirty, text)


def test_nothing_harmful_passes_in_any_company() -> None:
    for first in NASTIES:
        for second in NASTIES:
            for third in NASTIES:
                assert_harmless(first + second + third, 500)


def test_long_mixtures_are_harmless_too() -> None:
    chance = random.Random(7)
    for _ in range(300):
        assert_harmless("".join(chance.choices(NASTIES, k=chance.randint(1, 200))), chance.choice((5, 40, 300)))


def test_every_character_alone_and_in_a_word() -> None:
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        kind = unicodedata.category(char)
        if kind[0] in "CZ" or code < 0x300:
            text = clean(f"好{char}好")
            harmful = kind in ("Cc", "Cs", "Cf", "Zl", "Zp") and char not in VISIBLE + "\u200c\u200d"
            assert not harmful or char not in text, hex(code)


@pytest.mark.parametrize(
    "text",
    [
        "\x9d",
        "\x1b]",
        "\x1b[",
        "\x1b[0",
        "\x9b;",
        "\x1b]a",
        "\u0301",
        "👩\u200d",
        "\x1b ",
        "\x1b[ ",
        "a\u0301",
        "長",
        "\x9d \x1b",
    ],
)
def test_a_long_one_is_cheap(text: str) -> None:
    # A guard against expressions that take the square of the length: those would be at it for minutes.
    begun = time.process_time()
    clean(text * 200_000, 10_000)
    assert time.process_time() - begun < 5


def test_joining() -> None:
    assert join_texts(["大家", "好", "hello", "world", "嗎"]) == "大家好hello world嗎"


def test_one_and_several() -> None:
    assert [plural(count, "video") for count in (0, 1, 2)] == ["0 videos", "1 video", "2 videos"]
    assert plural(2, "copy", "copies") == "2 copies"


def test_every_hidden_sign_is_escaped_in_json() -> None:
    signs = [
        chr(code) for code in range(0x110000) if not chr(code).isprintable() or chr(code) in text_module._HIDDEN_MARKS
    ]
    acting = {sign for sign in signs if text_module._HIDDEN.match(sign)}
    assert len(acting) > 100
    assert [sign for sign in map(chr, range(0x110000)) if text_module._HIDDEN.match(sign) and sign not in acting] == []
    for sign in acting:
        assert sign not in hidden_escaped(f'"字{sign}"')
