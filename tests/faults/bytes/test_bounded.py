"""Nothing from outside costs more than linear time and a bound on memory.

Each text here took minutes, or all memory, of a parser that costs the square of its length somewhere; read in linear
time it takes less than a second. The limit is for the whole test, so that it says nothing of the machine.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import UserError
from core.exchange.captions import parse_captions
from core.exchange.cues import MOST_AT_ONCE
from core.exchange.formats import delimited, json_lines
from core.exchange.rows import MOST_LINES, lines_of
from core.files import parse_toml
from core.query import segments, videos
from core.query.completion import complete
from core.query.folding import fold
from core.query.grammar import LONGEST_LINE
from core.query.pattern import compile_pattern
from core.review.fix_everywhere import Mistake, fix
from core.review.variants import Heard, shared_edge
from core.sources.captions import choices, parse_json3
from core.spans import Span
from core.text import LONGEST_TEXT, clean, join_texts, normalise
from core.timed_text import Cue, merge_overlaps, said_once, shares, speech

pytestmark = pytest.mark.timeout(60)

N = 200_000
LONG_TIME = "00:00:01,000 --> 27:00:00,000\n"
PILE = "a" + "\u0301\u0316" * N
WINDOWS = [Span(n * 8000, n * 8000 + 10_000) for n in range(12_000)]


@pytest.mark.parametrize(
    "body", ["<a" * N, "<" + "a" * N, "{\\" * N, "&" * N, "&#" + "9" * N, "&#x" + "9" * N, "&notit" * (N // 10)]
)
def test_a_caption_of_one_long_line_is_dealt_to_every_segment(body: str) -> None:
    cues = parse_captions(LONG_TIME + body)
    dealt = shares(cues, WINDOWS)
    assert sum(len(share.text) for share in dealt) <= 2 * len(body)


@pytest.mark.parametrize("word", ["字", "a", "ab "])
def test_a_long_cue_is_dealt_by_time_once(word: str) -> None:
    dealt = shares([Cue(0, 97_000_000, word * N)], WINDOWS)
    assert sum(len(share.text) for share in dealt) <= 2 * N * len(word)


def test_a_cue_as_long_as_the_recording_makes_no_other_one_near_to_every_window() -> None:
    short = [Cue(n * 1000, n * 1000 + 900, "字") for n in range(60_000)]
    dealt = shares([Cue(0, 97_000_000, "x"), *short], WINDOWS[:7500])
    assert dealt[5].text == "字" * 10


def test_no_more_cues_stand_at_one_moment_than_anybody_could_read() -> None:
    file = "".join(f"00:00:01,000 --> 27:00:00,000\nline {n}\n\n" for n in range(MOST_AT_ONCE + 1))
    with pytest.raises(UserError, match="at one moment"):
        parse_captions(file, "talk.srt")
    assert len(parse_captions(file.rpartition("00:00:01")[0])) == MOST_AT_ONCE


def test_lines_that_were_shown_before_are_known_at_once() -> None:
    first, second = ("\n".join(f"{word}{n}" for n in range(60_000)) for word in ("one", "two"))
    (cue, other) = parse_captions(f"<00:00:00.000>\n\n{LONG_TIME}{first}\n\n{LONG_TIME}{first}\n{second}")
    assert "one" not in other.text or "two" not in cue.text


def test_what_overlapping_cues_both_say_is_sought_so_far_only() -> None:
    cues = [Cue(0, 10_000, "a" * N + "b"), Cue(5000, 20_000, "a" * N)]
    assert len(said_once(cues)) == len(merge_overlaps(cues)) == 2


def test_a_note_that_does_not_end_is_speech() -> None:
    assert speech([Cue(0, 1, "[" * N), Cue(1, 2, " " * N + "x")])[0].text == "[" * N


def test_the_best_of_many_tracks() -> None:
    listed = {f"zh-{n}": [{"ext": "vtt", "url": "https://a/b"}] for n in range(20_000)}
    assert sum(1 for _ in choices({"subtitles": listed}, ("zh", "zh-*"))) == 20_000


@pytest.mark.parametrize("said", ["\\n" * N, "{\\\\" * N, "\\u0301\\u0316" * N])
def test_json3_of_one_long_piece(said: str) -> None:
    assert len(parse_json3(f'{{"events":[{{"tStartMs":1,"segs":[{{"utf8":"字{said}"}}]}}]}}')) == 1


@pytest.mark.parametrize("compared", [normalise, fold])
def test_a_pile_of_marks_is_compared(compared: Callable[[str], str]) -> None:
    """Python puts the marks of a letter in order in quadratic time: this one took an hour."""
    assert len(compared(PILE)) < 100
    marks = "e\u0302\u0323"
    assert compared(marks) == compared(marks * 300)[: len(compared(marks))]


@pytest.mark.parametrize("text", ["\x1b[" * N, "\x1b]" + "a" * N, "\x1b[" + "0 " * N, PILE, "字\u200d" * N])
def test_a_strangers_line_is_cleaned(text: str) -> None:
    assert len(clean(text, N)) <= N
    assert join_texts([text] * 2)


@pytest.mark.parametrize(
    "text",
    [
        " " * N + "x",
        "x = 1" + " " * N + "x",
        "\n" * N + "x",
        '"a"' + ' . "b"' * 40 + " " * N,
        '"\\"' * N,
        "b = " + "[" * 70 + "]" * 70 + '\na = "' + '\\"' * N + '"\n',
        "a = " + "1_" * N,
    ],
)
def test_settings_of_one_long_line(text: str) -> None:
    with pytest.raises(UserError, match=r"whispersmith\.toml"):
        parse_toml(text, "whispersmith.toml")


@pytest.mark.parametrize(
    "row",
    [f"a{'_1' * N}x,text", f"{PILE},text", "," * N, '"' + '""' * N, f"start,end,text\n{'1' * N},2,x"],
)
def test_a_row_that_nobody_can_have_said_is_refused(tmp_path: Path, row: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"file_name,transcription\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError, match="too long for a row"):
        delimited.read(table)


@pytest.mark.parametrize(
    "rows",
    [
        [",".join("x" * 49_000)] * 20,
        ["a" + "_1" * 45_000] * 5,
        ['"' + "x" * 90_000] * 40,
        ["a" + "\u0301\u0316" * 9000],
    ],
)
def test_long_rows_are_read(tmp_path: Path, rows: list[str]) -> None:
    table = tmp_path / "table.csv"
    table.write_text("\n".join(f"{row},y" for row in rows), encoding="utf-8")
    assert delimited.read(table).rows


def test_a_table_has_no_more_lines_than_fit_in_memory(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="too many lines"):
        lines_of(tmp_path / "a.csv", "\n" * (2 * MOST_LINES + 1), 10)


def test_json_lines_of_many_brackets(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    table.write_text("[" * N, encoding="utf-8")
    with pytest.raises(UserError, match="nested too deep"):
        json_lines.read(table)


LANGUAGES = (videos.LANGUAGE, segments.language({"talk": "一席話"}))


@pytest.mark.parametrize("word", ["length ", "/ ", '"a', "!", "a,", "length:1", "a|", "字 "])
def test_a_line_that_finds_rows_is_no_longer_than_anybody_types(word: str) -> None:
    for language in LANGUAGES:
        assert "shorten it" in language.parse(word * N).complaint
        assert not complete(language, word * N, N).suggestions
        as_long = (word * LONGEST_LINE)[:LONGEST_LINE]
        assert "shorten it" not in language.parse(as_long).complaint
        complete(language, as_long, LONGEST_LINE)


@pytest.mark.parametrize("value", ["9" * 400 + "m", "9" * 3000, "1" * 400 + "h"])
def test_a_length_of_hundreds_of_digits_is_none(value: str) -> None:
    assert "is no length" in videos.parse(f"length>{value}").complaint


@pytest.mark.parametrize("pattern", ["(((a{999}){999}){999}){999}", "a{999999999}", "(?:a{ 200}){200}", "a{1}" * 999])
def test_a_pattern_is_not_compiled_to_millions_of_copies(pattern: str) -> None:
    with pytest.raises(ValueError, match="repeats too often"):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", [r"\d{4}-\d{2}-\d{2}", "a{0,}b{0}", "(?:ab){100}", "a{1,999999999}b", "{a}"])
def test_a_pattern_as_people_write_it_is_compiled(pattern: str) -> None:
    compile_pattern(pattern).search("a" * LONGEST_TEXT)


def test_long_texts_are_corrected_and_compared() -> None:
    found = fix("牛金肉" * (LONGEST_TEXT // 3), [Mistake("金", "筋", ("牛",), ("肉",))])
    assert found is not None
    assert found.text == "牛筋肉" * (LONGEST_TEXT // 3)
    same = "字母" * (LONGEST_TEXT // 2)
    assert shared_edge(same, Span(0, 10_000), Heard(1000, 11_000, same, "next")) is not None


def test_no_pattern_takes_all_memory() -> None:
    """In a process that may have no more than two gigabytes: these took all there were."""
    code = (
        "from core.query import videos\n"
        "for text in ('/a{999999999}/', '/((((a{99}){99}){99}){99}){99}/', '/a{1,999999999}/', '/(a{9999}){9999}/'):\n"
        "    videos.parse(text)\n"
    )
    limit = 2 * 2**30
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert (done.returncode, done.stderr) == (0, "")
