"""Every way a listing or download is known to fail, in yt-dlp's own words."""

from __future__ import annotations

import pytest
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError

from core.sources import failures
from core.sources.failures import classify

ROWS = [
    ("Private video. Sign in if you've been granted access to this video", "private", "never", False),
    ("Video unavailable. This video has been removed by the uploader", "gone", "never", False),
    ("Video unavailable. The YouTube account associated with this video has been terminated.", "gone", "never", False),
    (
        "Video unavailable. This video contains content from X, who has blocked it on copyright grounds",
        "copyright",
        "never",
        False,
    ),
    ("Video unavailable. The uploader has not made this video available in your country", "country", "never", False),
    ("Sign in to confirm your age. This video may be inappropriate for some users.", "age", "never", False),
    ("Sign in to confirm you\u2019re not a bot. This helps protect our community.", "bot wall", "later", True),
    (
        "This content isn't available, try again later. The current session has been rate-limited by YouTube for up to",
        "rate limited",
        "later",
        True,
    ),
    ("Join this channel to get access to members-only content like this video", "members", "never", False),
    ("This video is available to this channel's members on level: X", "members", "never", False),
    ("Premieres in 3 hours", "upcoming", "later", False),
    ("This live event will begin in 2 days.", "upcoming", "later", False),
    ("Requested format is not available. Use --list-formats", "no audio", "never", False),
    ("This video is DRM protected", "drm", "never", False),
    ("No video formats found!; please report this issue", "outdated", "later", False),
    ("Failed to extract any player response; please report this issue", "outdated", "later", False),
    ("Unable to download API page: HTTP Error 429: Too Many Requests", "rate limited", "later", True),
    ("unable to download video data: HTTP Error 403: Forbidden", "refused", "now", False),
    ("Got error: 1024 bytes read, 99 more expected", "cut off", "again", False),
    ("Unable to download video subtitles for 'zh-TW': HTTP Error 429", "captions", "later", False),
    ("YouTube said: The playlist does not exist.", "no list", "never", False),
    ("('Unable to connect to proxy', NewConnectionError())", "proxy", "later", True),
    ("Unable to download webpage: Failed to resolve 'www.youtube.com'", "network", "again", False),
    ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "certificate", "later", False),
    ("Cookies file must be Netscape formatted, not JSON.", "cookies", "later", True),
    ("unable to open for writing: [Errno 28] No space left on device", "disk", "later", True),
    ("Postprocessing: Conversion failed!", "ffmpeg", "later", False),
    ("Unsupported URL: https://example.org/", "unsupported", "never", False),
    ("unable to download video data: HTTP Error 503: Service Unavailable", "server", "again", False),
    ("Unable to download webpage: HTTP Error 404: Not Found", "not found", "never", False),
    ("The read operation timed out", "network", "again", False),
    ("This video is currently live", "live", "later", False),
    ("Something nobody has seen before", "unknown", "later", False),
]


@pytest.mark.parametrize(("words", "kind", "retry", "stops"), ROWS)
def test_the_words_of_each_failure(words: str, kind: str, retry: str, stops: bool) -> None:
    inner = ExtractorError(words, expected=True)
    failure = classify(DownloadError(f"ERROR: [youtube] abc: {words}", (type(inner), inner, None)))
    assert (failure.kind, failure.retry, failure.stops_queue) == (kind, retry, stops)
    error = failure.error()
    assert error.what
    assert error.why
    assert error.fix
    assert words.split(".")[0].split("'")[0][:20] in error.detail


def test_a_429_that_only_the_warnings_tell() -> None:
    error = DownloadError("ERROR: [youtube] abc: Failed to extract any player response; please report this issue")
    assert classify(error).kind == "outdated"
    failure = classify(error, ["[youtube] Unable to download webpage: HTTP Error 429: Too Many Requests"])
    assert (failure.kind, failure.stops_queue) == ("rate limited", True)
    assert "HTTP Error 429" in failure.detail


STOPS = [words for words, _, _, stops in ROWS if stops]


@pytest.mark.parametrize("words", STOPS)
def test_whatever_stops_the_queue_says_step_by_step_what_to_do(words: str) -> None:
    failure = classify(ValueError(words))
    assert failure.stops_queue
    assert len(failure.steps) >= 3
    assert all(step.strip() for step in failure.steps)


def test_what_a_person_must_mend_is_not_waited_for() -> None:
    waits = {classify(ValueError(words)).kind: classify(ValueError(words)).wait_s for words in STOPS}
    assert waits == {
        "bot wall": 6 * 3600.0,
        "rate limited": 3600.0,
        "proxy": 60.0,
        "cookies": None,
        "disk": None,
    }


def test_which_rows_are_never_tried_by_themselves() -> None:
    assert failures.is_permanent(failures.PRIVATE.as_row())
    assert not failures.is_permanent(failures.TIMED_OUT.as_row())
    assert not failures.is_permanent(None)


def test_an_old_ytdlp_is_named_with_its_age_and_the_way_to_a_newer_one() -> None:
    failure = failures.out_of_date(failures.OUTDATED, "2026.08.19", 95)
    assert "2026.08.19 is 95 days old" in failure.why
    assert (failure.fix, failure.stops_queue, failure.wait_s) == ('pip install -U "yt-dlp[default,deno]"', True, None)


def test_a_files_own_text_is_cleaned_and_cut() -> None:
    failure = failures.broken(failures.UserError("it is broken", "why", "fix", "\x1b[31mred\n" + "x" * 5000))
    assert failure.detail.startswith("red x")
    assert len(failure.detail) == 1000


def test_a_warning_does_not_overrule_what_the_error_says() -> None:
    error = DownloadError("ERROR: [youtube] abc: Private video")
    assert classify(error, ["HTTP Error 429: Too Many Requests"]).kind == "private"


def test_the_country_is_named_where_the_site_names_it() -> None:
    inner = GeoRestrictedError("not here", countries=["TW", "JP"])
    failure = classify(DownloadError("ERROR: x", (type(inner), inner, None)))
    assert (failure.kind, failure.why) == ("country", "it is shown only in TW, JP")


def test_an_unexpected_extractor_error_points_at_an_old_ytdlp() -> None:
    inner = ExtractorError("could not find the frobnicator", expected=False)
    failure = classify(DownloadError("ERROR: could not find the frobnicator", (type(inner), inner, None)))
    assert failure.kind == "outdated"
    assert "pip install -U" in failure.fix


def test_the_status_counts_where_the_words_are_missing() -> None:
    class Answer:
        status, reason, url, headers = 429, "", "", {}

        def close(self) -> None:
            pass

    inner = HTTPError(Answer())  # type: ignore[arg-type]
    inner.args = ("refused",)
    assert classify(DownloadError("ERROR: refused", (type(inner), inner, None))).stops_queue


def test_strangers_words_cannot_touch_the_terminal() -> None:
    failure = classify(
        DownloadError("ERROR: \x1b[31mPrivate video\x1b[0m \u202egnirts\x07 \x1b]0;title\x07"), ["\x1b[2Jx"]
    )
    assert failure.kind == "private"
    assert failure.detail == "ERROR: Private video gnirts | x"


def test_the_row_keeps_kind_and_retry() -> None:
    row = failures.PRIVATE.as_row()
    assert (row["kind"], row["retry"]) == ("private", "never")
    assert failures.PRIVATE.error().from_dict(row).what == failures.PRIVATE.what
