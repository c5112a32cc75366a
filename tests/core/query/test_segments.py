"""What finds segments: each term, what is forgiven, what is suggested while one types, what is marked in a row."""

from __future__ import annotations

import time

import pytest

from core.errors import UserError
from core.query.completion import complete
from core.query.grammar import Suggestion, scan
from core.query.rewriting import values_of, with_value, without
from core.query.segments import language
from core.store import TranscriptRow

TITLES = {"a1": "第一講：入門", "b2": "Talk, the second"}
LANGUAGE = language(TITLES, ["loop", "ancient"])


def row(number: int, **changes: object) -> TranscriptRow:
    made = TranscriptRow(1, number * 8000, number * 8000 + 10_000, f"a1_{number * 8}_{number * 8 + 10}", "a1")
    return made._replace(**changes)


ROWS = [
    row(
        0,
        text="大家好，我是ＡＢＣ千千",
        origin="machine",
        model="openai/Whisper-base",
        suspicion=0.3,
        avg_logprob=-0.2,
        speech=0.8,
    ),
    row(
        1, text="嗯" * 60, origin="machine", model="toy", flags=("loop",), suspicion=0.97, avg_logprob=-0.9, speech=0.1
    ),
    row(2, text="人寫的。", origin="human", review="accepted", suspicion=0.0, differs=2),
    row(3, text="字幕", origin="caption", review="rejected", sound_flags=("music",), end_ms=26_000),
    row(4, video="b2", id="b2_32_42"),
]


def hits(text: str) -> list[int]:
    query = LANGUAGE.parse(text)
    assert query.complaint == "", query.complaint
    assert query.select(ROWS) == [row for row in ROWS if query.matches(row)]
    return [ROWS.index(row) for row in query.select(ROWS)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("state:pending", [0, 1, 4]),
        ("state:accepted,rejected", [2, 3]),
        ("state:reviewed", [2, 3]),
        ("狀態：待審", [0, 1, 4]),
        ("!state:pending", [2, 3]),
        ("flag:loop", [1]),
        ("flag:music,loop", [1, 3]),
        ("flag:any", [1, 3]),
        ("flag:none", [0, 2, 4]),
        ("flag:ancient", []),
        ("video:b2", [4]),
        ("video:第一講", [0, 1, 2, 3]),
        ('video:"talk, the"', [4]),
        ("video:b2,第一講", [0, 1, 2, 3, 4]),
        ("video:b2,nothing", [4]),
        ("video:nothing", []),
        ("conf<-0.5", [1]),
        ("conf < −0.5", [1]),
        ("conf>-0.5", [0]),
        ("conf:-0.3..-0.1", [0]),
        ("susp>=.97", [1]),
        ("susp:0.3", [0]),
        ("可疑>50%", [1]),
        ("speech<20%", [1]),
        ("length<5", [3]),
        ("length:10", [0, 1, 2, 4]),
        ("by:person", [2]),
        ("by:machine", [0, 1]),
        ("by:machine,caption", [0, 1, 3]),
        ("by:nobody", [4]),
        ("by:whisper", [0]),
        ("differs", [2]),
        ("!differs state:reviewed", [3]),
        ("abc千", [0]),
        ("大家好,我", [0]),
        ("人寫的。", [2]),
        ("人寫的", [2]),
        ("text:a1", []),
        ("a1_8_", [1]),
        ("b2_32", [4]),
        ("/^嗯+$/", [1]),
        ("/[千幕]/ state:rejected", [3]),
        ("state:pending /大家|嗯/ susp<0.5", [0]),
        ("/abc/", []),
        ("/a b", []),
        ("/", [0, 1, 2, 3, 4]),
        ("! 嗯", [1]),
    ],
)
def test_terms(text: str, found: list[int]) -> None:
    assert hits(text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("state:open", "open is no state: state:pending"),
        ("state:pending,open", "is no state"),
        ("flag:strange", "strange is no flag"),
        ("conf<low", "low is no number: conf<-0.5"),
        ("susp>", "susp> wants a value"),
        ("susp>..", ".. is no number"),
        ("lenght>5", "lenght is not known here, only state, flag"),
        ("/(嗯/", "is no regular expression"),
        ("/[/", "is no regular expression"),
        ("!flag:strange", "strange is no flag"),
    ],
)
def test_what_is_not_understood_is_told_and_holds_nothing_back(text: str, words: str) -> None:
    query = LANGUAGE.parse(f"state:pending {text}")
    assert words in query.complaint
    assert query.select(ROWS) == [ROWS[0], ROWS[1], ROWS[4]]


def test_a_pattern_that_tries_every_way_is_stopped_and_told() -> None:
    query = LANGUAGE.parse("/(嗯|嗯嗯)+啊$/")
    with pytest.raises(UserError, match="takes too long"):
        query.matches(ROWS[1]._replace(text="嗯" * 300 + "啊b"))
    assert query.found_in("嗯" * 300 + "啊b") == []


def test_several_patterns_have_one_time_together() -> None:
    query = LANGUAGE.parse("/a+b/ !/c/")
    row = ROWS[0]._replace(text="aab")
    assert query.has_patterns
    assert query.matches(row, time.monotonic() + 60)
    with pytest.raises(UserError, match="takes too long"):
        query.matches(row, time.monotonic() - 1)
    assert not LANGUAGE.parse("state:pending a/b").has_patterns


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("好 千", "大家好，我是千千", ["好", "千千"]),
        ("abc", "ＡＢＣ abc", ["ＡＢＣ", "abc"]),
        ("strasse", "Die Straße", ["Straße"]),
        ("/是.千/ 我是", "大家好，我是千千", ["我是千千"]),
        ("/x*/", "大家", []),
        ("state:pending text:家 !好", "大家好", []),
        ("/(/", "(", []),
    ],
)
def test_what_is_looked_for_is_found_in_a_text(query: str, text: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in LANGUAGE.parse(query).found_in(text)] == marked


def suggested(text: str, cursor: int | None = None) -> list[str]:
    """The line with each suggestion in it."""
    found = complete(LANGUAGE, text, len(text) if cursor is None else cursor)
    return [text[: found.start] + one.text + text[found.end :] for one in found.suggestions]


def test_what_could_come_next_is_suggested() -> None:
    assert suggested("st") == ["state:"]
    assert suggested("state:") == ["state:pending", "state:accepted", "state:rejected", "state:reviewed"]
    assert suggested("state:re") == ["state:rejected", "state:reviewed"]
    assert suggested("state:accepted,re") == ["state:accepted,rejected", "state:accepted,reviewed"]
    assert suggested("!flag:lo") == ["!flag:loop"]
    assert suggested("flag：lo") == ["flag:loop"]
    # Flags and recordings of this workspace; a recording also by its title, anything by its value.
    assert suggested("flag:anc") == ["flag:ancient"]
    assert suggested("video:") == ["video:a1", "video:b2"]
    assert suggested("video:second") == ["video:b2"]
    assert suggested("loo") == ["flag:loop"]
    assert suggested("con") == ["conf<"]
    assert suggested("dif") == ["differs"]
    assert suggested("state:pending ")[:2] == ["state:pending state:", "state:pending flag:"]
    assert suggested("st words", 2) == ["state: words"]
    assert suggested("") != []
    for nothing in ("state:pending", "/st", '"st', "大家好", "conf<-"):
        assert suggested(nothing) == []


def test_of_many_recordings_none_is_compared_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def compared(self: Suggestion, other: object) -> bool:
        raise AssertionError("each with each is 4 million for 2000 recordings, with every key")

    many = language({f"{number:04}": f"Talk {number}" for number in range(2000)})
    monkeypatch.setattr(Suggestion, "__eq__", compared)
    assert [one.text for one in complete(many, "video:19", 8).suggestions[98:102]] == [
        "video:1998",
        "video:1999",
        "video:0019",
        "video:0119",
    ]


def test_pieces_say_where_they_stand() -> None:
    text = 'a  state : pending !/b c/ "d e" f'
    pieces = [(item.typed, item.text) for item in scan(text, LANGUAGE.names)]
    assert pieces == [
        ("a", "a"),
        ("state : pending", "state:pending"),
        ("!/b c/", "/b c/"),
        ('"d e"', '"d e"'),
        ("f", "f"),
    ]
    assert all(text[item.start : item.end] == item.typed for item in scan(text, LANGUAGE.names))


def test_a_value_more_or_less_leaves_the_rest_of_the_line() -> None:
    line = "大家 狀態：待審 !flag:loop /a b/"
    assert values_of(LANGUAGE, line, "state") == ["pending"]
    more = with_value(LANGUAGE, line, "state", "accepted", asked=True)
    assert more == "大家 state:pending,accepted !flag:loop /a b/"
    assert with_value(LANGUAGE, more, "state", "pending", asked=False) == "大家 state:accepted !flag:loop /a b/"
    # What is denied is not asked for; a new term stands at the end.
    assert values_of(LANGUAGE, line, "flag") == []
    assert with_value(LANGUAGE, "x", "flag", "loop", asked=True) == "x flag:loop"
    assert with_value(LANGUAGE, "differs", "differs", "differs", asked=False) == ""
    assert with_value(LANGUAGE, "", "differs", "differs", asked=True) == "differs"
    assert without(LANGUAGE, "flag:loop,ancient 大家", "flag") == "大家"
    assert without(LANGUAGE, "大家", "flag") == "大家"
