"""What may be given as a source, what becomes of its names, its licence, and yt-dlp's options. No network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.ids import is_safe, slug, stable_id
from core.links import is_youtube
from core.sources import names
from core.sources.licence import captions, date, facts, licence
from core.sources.listing import state_of
from core.sources.ytdlp import AUDIO, YtdlpLogger, base_options, deep_merge, detail_options, download_options

YOUTUBE = {"extractor_key": "Youtube", "channel": "A channel"}


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({**YOUTUBE, "license": "Creative Commons Attribution license (reuse allowed)"}, "cc-by"),
        (YOUTUBE, "standard"),
        # A refused page has neither licence nor channel: nothing is known.
        ({"extractor_key": "Youtube"}, "unknown"),
        ({"extractor_key": "Generic", "channel": "A podcast"}, "unknown"),
        ({"extractor_key": "Vimeo", "license": "by"}, "cc-by"),
        ({"extractor_key": "Vimeo", "license": "by-nc-nd"}, "standard"),
        ({"license": "Creative Commons Attribution-NonCommercial"}, "standard"),
        ({"license": "https://creativecommons.org/licenses/by/4.0/"}, "cc-by"),
        ({"license": "https://creativecommons.org/licenses/by-sa/4.0/"}, "standard"),
        ({"license": "CC BY 4.0"}, "cc-by"),
    ],
)
def test_licences(info: dict[str, Any], expected: str) -> None:
    assert licence(info) == expected


def test_only_recognised_speech_counts_as_automatic_captions() -> None:
    info = {
        "subtitles": {"zh-TW": [], "live_chat": []},
        "automatic_captions": {"zh-TW-orig": [], "zh-TW": [], "en": []},
    }
    assert captions(info) == ("zh-TW", "zh-TW:auto")


def test_facts_are_cleaned_and_only_those_known() -> None:
    found = facts({"title": "a\x1b[31mb\u202ec\nd", "duration": 1.5, "channel": None, "upload_date": "20240506"})
    assert found == {"title": "abc d", "duration_ms": 1500, "upload_date": "2024-05-06"}
    assert date({"timestamp": 1714979289}) == "2024-05-06"
    assert date({"timestamp": -5, "upload_date": "soon"}) == ""


def test_links_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("talk.mp3").write_bytes(b"x")
    assert names.parse(" https://youtu.be/abcdefghijk ") == "https://youtu.be/abcdefghijk"
    assert names.parse("youtube.com/@somebody") == "https://youtube.com/@somebody"
    assert names.parse("talk.mp3") == Path("talk.mp3")
    assert names.parse(f"file://{tmp_path}/talk.mp3") == tmp_path / "talk.mp3"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "nonsense",
        "other.mp3",
        "example.org",
        "talk.wma",
        "ftp://host/x",
        "https://",
        "https://a b/c",
        "http://x:y/",
        "x" * 5000,
        "a\0b",
    ],
)
def test_what_is_neither(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        names.parse(text)
    assert caught.value.what
    assert caught.value.why
    assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("-bcdefghijk", "https://youtu.be/-bcdefghijk"),
        ("PLabcdefghijkl", "https://www.youtube.com/playlist?list=PLabcdefghijkl"),
        ("@somebody", "https://www.youtube.com/@somebody"),
    ],
)
def test_a_bare_id_is_answered_with_its_link(text: str, link: str) -> None:
    with pytest.raises(UserError) as caught:
        names.parse(text)
    assert link in caught.value.fix


def test_what_a_list_shows_of_a_row_that_cannot_be_fetched() -> None:
    cases = {
        "private": {"title": "[Private video]"},
        "gone": {"title": "[Deleted video]"},
        "members": {"title": "x", "availability": "subscriber_only"},
        "live": {"title": "x", "live_status": "is_live"},
        "upcoming": {"title": "x", "live_status": "is_upcoming"},
    }
    for kind, entry in cases.items():
        failure = state_of(entry)
        assert failure is not None
        assert failure.kind == kind
    assert state_of({"title": "x", "live_status": "was_live", "availability": "public"}) is None
    assert state_of({"title": "x", "live_status": "not_live"}) is None


def test_ids_are_safe_and_stable() -> None:
    first = stable_id("第一集: \u202e../../etc", "guid one")
    assert is_safe(first)
    assert first == stable_id("第一集: \u202e../../etc", "guid one")
    assert first != stable_id("第一集: \u202e../../etc", "guid two")
    assert is_safe(stable_id("第一集", "x"))
    assert slug("a" * 200 + "!") == "a" * 40


def test_what_a_youtube_link_names() -> None:
    watch = "https://www.youtube.com/watch?v=abcdefghijk"
    assert names.youtube_parts(watch) == ("abcdefghijk", "")
    assert names.youtube_parts(watch + "&list=PLx") == ("abcdefghijk", "PLx")
    assert names.youtube_parts(watch + "&list=RDabcdefghijk") == ("abcdefghijk", "")
    assert names.youtube_parts("https://example.org/watch?v=abcdefghijk") == ("", "")
    for path in ("shorts/-bcdefghijk", "live/-bcdefghijk?si=x", "embed/-bcdefghijk"):
        assert names.youtube_parts(f"https://m.youtube.com/{path}") == ("-bcdefghijk", "")
    assert names.youtube_parts("https://youtu.be/-bcdefghijk?list=PLx&t=4") == ("-bcdefghijk", "PLx")
    assert names.youtube_parts("https://www.youtube.com/@somebody/videos") == ("", "")
    assert not is_youtube("https://notyoutube.com/")


def options(table: dict[str, Any], root: Path) -> dict[str, Any]:
    return base_options(table, root=root, logger=YtdlpLogger(), request_pause_s=0)


def test_the_table_goes_on_top_at_every_depth(tmp_path: Path) -> None:
    found = options(
        {"proxy": "http://x", "retries": 2, "extractor_args": {"youtube": {"player_client": ["tv"]}}}, tmp_path
    )
    assert (found["proxy"], found["retries"], found["color"]) == ("http://x", 2, "never")
    assert (found["format"], found["format_sort"]) == (AUDIO, ["lang"])
    assert 0 < found["socket_timeout"] < 120
    cheap = detail_options(found)["extractor_args"]["youtube"]
    assert cheap == {"player_client": ["web"], "player_skip": ["configs", "js"]}
    assert found["extractor_args"]["youtube"] == {"player_client": ["tv"]}
    assert deep_merge({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"c": [2]}}) == {"a": {"b": 1, "c": [2]}, "d": 1}


def test_another_language_is_refused_since_it_would_hide_the_licence(tmp_path: Path) -> None:
    for lang in (["zh-TW"], "zh-TW"):
        with pytest.raises(UserError, match="lang cannot be set"):
            options({"extractor_args": {"youtube": {"lang": lang}}}, tmp_path)
    english = {"extractor_args": {"youtube": {"lang": ["en"], "skip": ["dash"]}}}
    assert detail_options(options(english, tmp_path))["extractor_args"]["youtube"]["skip"] == ["dash"]
    for nonsense in ("youtube:lang=en", {"youtube": "lang=en"}):
        with pytest.raises(UserError, match="not understood"):
            options({"extractor_args": nonsense}, tmp_path)


def test_a_cookie_file_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cookie file"):
        options({"cookiefile": "cookies.txt"}, tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "cookies.txt").write_text("# Netscape HTTP Cookie File\n")
    assert options({"cookiefile": "cookies.txt"}, tmp_path)["cookiefile"] == str(tmp_path / "cookies.txt")


def test_a_misspelled_option_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        options({"cookiesfile": "x"}, tmp_path)
    assert "cookiefile" in caught.value.fix
    with pytest.raises(UserError, match=r"ytdlp\.outtmpl"):
        options({"outtmpl": "x"}, tmp_path)


def test_download_options(tmp_path: Path) -> None:
    base = options({}, tmp_path)
    found = download_options(base, tmp_path / "p", ffmpeg="/x/ffmpeg-odd-name", youtube=True)
    assert found["outtmpl"]["default"] == "%(row_id)s.%(format_id)s-%(filesize|0)s.%(ext)s"
    assert (found["ffmpeg_location"], found["final_ext"], found["format"]) == ("/x/ffmpeg-odd-name", "mp4", AUDIO)
    assert found["logger"] is base["logger"]
    without = download_options(base, tmp_path / "p", ffmpeg=None, youtube=False)
    assert "postprocessors" not in without
    assert without["format"].endswith("/b")


def test_the_logger_passes_on_what_is_said_and_keeps_warnings() -> None:
    said: list[str] = []
    checks: list[int] = []
    logger = YtdlpLogger(check=lambda: checks.append(1), on_line=said.append)
    logger.debug("[youtube] \x1b[1mabc: Downloading webpage")
    logger.debug("[debug] internal")
    logger.warning("HTTP Error 429 \x07")
    logger.warning(
        "The extractor specified to use impersonation for this download, but no impersonate target is available"
    )
    logger.error("ERROR: x")
    assert said == ["[youtube] abc: Downloading webpage"]
    assert logger.warnings == ["HTTP Error 429"]
    assert len(checks) == 5
