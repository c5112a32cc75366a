"""How yt-dlp is called here: its options, its logger, and the person's own `[ytdlp]` table on top."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.files import read_bytes
from core.redaction import redact, remember
from core.text import clean

if TYPE_CHECKING:
    from core.jobs.handle import Job

# The original track in mp4 before anything else: yt-dlp's own order prefers a stereo dub to a mono original.
AUDIO = "ba[ext=m4a]/ba[acodec^=mp4a]/ba"
# Other sites often have picture and sound in one file only. Never on YouTube, where that means live HLS.
AUDIO_OR_BOTH = AUDIO + "/b"

# One request per video: the watch page alone tells title, length, licence, captions and live state.
_DETAILS = {"player_client": ["web"], "player_skip": ["configs", "js"]}

# What this app decides itself: resuming, skipping and file names would break.
# fmt: off
_RESERVED = frozenset({
    "logger", "progress_hooks", "postprocessor_hooks", "postprocessors", "quiet", "noprogress", "color", "ignoreerrors",
    "outtmpl", "paths", "final_ext", "continuedl", "nopart", "overwrites", "updatetime", "download_archive",
    "skip_download", "simulate", "extract_flat", "noplaylist", "playlist_items", "match_filter", "forceprint",
    "print_to_file",
})
# fmt: on
MOST_COOKIE_BYTES = 16_000_000
REFERENCES = frozenset({"url", "url_transparent"})
"""Types of an info that only names another link."""
_REDIRECTIONS = 8
# A warning without consequence for captions, where curl_cffi is not installed on purpose.
_HARMLESS = ("impersonat",)


@dataclass
class YtdlpLogger:
    """yt-dlp's logger. Keeps the warnings of the present video and the last line said, without secrets.

    check: called on every line; it may raise yt_dlp's DownloadCancelled, which is the only way to interrupt
    an extraction. warnings are reset by the caller before each video.
    """

    check: Callable[[], None] = lambda: None
    on_line: Callable[[str], None] = lambda text: None
    warnings: list[str] = field(default_factory=list)
    last: str = ""

    def debug(self, message: str) -> None:
        self.check()
        if not message.startswith("[debug] "):
            self.last = clean(redact(message), 200)
            self.on_line(self.last)

    def info(self, message: str) -> None:
        self.debug(message)

    def warning(self, message: str) -> None:
        self.check()
        if not any(word in message for word in _HARMLESS):
            self.warnings.append(clean(redact(message), 500))

    def error(self, message: str) -> None:
        # The exception that follows carries the same text.
        self.check()


def cancel_check(job: Job) -> Callable[[], None]:
    """To be called from yt-dlp's hooks and logger: it raises DownloadCancelled once the job is to stop, which is what
    yt-dlp lets through everywhere. The caller then says `job.check()`."""

    def check() -> None:
        from yt_dlp.utils import DownloadCancelled

        if job.cancelled:
            raise DownloadCancelled

    return check


def base_options(
    table: Mapping[str, Any],
    *,
    root: Path,
    logger: object,
    request_pause_s: float = 0.75,
) -> dict[str, Any]:
    """Options for every call of yt-dlp. table: `[ytdlp]` of the workspace; root: its folder, for relative files.

    UserError where the table names a setting that yt-dlp does not have or that is decided here, and where its
    cookie file does not exist (yt-dlp would create it and say nothing).
    """
    options: dict[str, Any] = {
        "logger": logger,
        "quiet": True,
        "noprogress": True,
        # Without this the errors carry colour codes: inside the app stderr claims to be a terminal.
        "color": "never",
        "socket_timeout": 20,
        "retries": 10,
        "extractor_retries": 3,
        "continuedl": True,
        "updatetime": False,
        "sleep_interval_requests": request_pause_s,
        "format": AUDIO,
        "format_sort": ["lang"],
    }
    if deno := find_deno():
        options["js_runtimes"] = {"deno": {"path": deno}}
    own = copy.deepcopy(dict(table))
    _check_options(own)
    return deep_merge(options, _with_cookies(own, root))


UNCOMPRESSED = "/".join(f"{kind}>mp4" for kind in ("wav", "flac", "aif", "aiff"))
"""What ffmpeg before 6.1 cannot put into an mp4 as it is. ALAC keeps every sample of it, and every ffmpeg has it."""


def download_options(base: Mapping[str, Any], partial: Path, *, ffmpeg: str | None, youtube: bool) -> dict[str, Any]:
    """`base` made ready to download into `partial`.

    The caller passes the video's id as `extra_info={"row_id": id}`. Format and size stand in the name, so that a
    partial file of another track or encoding is never continued as if it were the same.
    """
    options = copy_options(base)
    if not youtube and options.get("format") == AUDIO:
        options["format"] = AUDIO_OR_BOTH
    options["outtmpl"] = {"default": "%(row_id)s.%(format_id)s-%(filesize|0)s.%(ext)s"}
    options["paths"] = {"home": str(partial)}
    options["noplaylist"] = True
    if ffmpeg is not None:
        options.setdefault("ffmpeg_location", ffmpeg)
        # "preferedformat" is yt-dlp's own spelling.
        options["postprocessors"] = [
            {"key": "FFmpegVideoConvertor", "preferedformat": UNCOMPRESSED},
            {"key": "FFmpegVideoRemuxer", "preferedformat": "mp4"},
        ]
        kept = dict(options.get("postprocessor_args") or {})
        options["postprocessor_args"] = {"videoconvertor+ffmpeg_o": ["-c:a", "alac"], **kept}
        options["final_ext"] = "mp4"
    return options


def detail_options(base: Mapping[str, Any]) -> dict[str, Any]:
    """`base` made ready for the one cheap request per video that tells its licence."""
    options = copy_options(base)
    arguments = dict(options.get("extractor_args") or {})
    youtube = {**(arguments.get("youtube") or {}), **_DETAILS}
    options["extractor_args"] = {**arguments, "youtube": youtube}
    options["ignore_no_formats_error"] = True
    return options


def follow_redirects(ask: Callable[[str, str | None], Any], url: str, key: str | None = None) -> dict[str, Any] | None:
    """The info behind a link, through every redirection; None where there is nothing, or no end to them.

    ask: given a link and the extractor that a redirection names, gives yt-dlp's info of it, unprocessed.
    """
    for _ in range(_REDIRECTIONS):
        info = ask(url, key)
        if not info or info.get("_type") not in REFERENCES:
            return info or None
        url, key = info["url"], info.get("ie_key")
    return None


def copy_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that YoutubeDL may change; the logger stays the same object."""
    return {key: value if key == "logger" else copy.deepcopy(value) for key, value in options.items()}


def deep_merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`: tables are merged key by key at every depth, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = deep_merge(under, value) if both else value  # type: ignore[arg-type]
    return merged


def find_deno() -> str | None:
    """The deno of this Python's environment, which need not be on PATH; None leaves the search to yt-dlp."""
    try:
        import deno
    except ImportError:
        return None
    try:
        return str(deno.find_deno_bin())
    except FileNotFoundError:
        return None


def version_age() -> tuple[str, int]:
    """yt-dlp's version, which is the date of its release, and its age in days."""
    import datetime

    import yt_dlp.version

    version = yt_dlp.version.__version__
    released = datetime.date(*(int(part) for part in version.split(".")[:3]))
    return version, (datetime.date.today() - released).days


def _check_options(table: Mapping[str, Any]) -> None:
    if not table:
        return
    import yt_dlp

    _check_language(table)
    known = set(yt_dlp.parse_options([]).ydl_opts)
    for key in table:
        if key in _RESERVED:
            raise UserError(
                f"ytdlp.{key} cannot be set in whispersmith.toml",
                "resuming, skipping and file names depend on it",
                f"take {key} out of the [ytdlp] table",
            )
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            raise UserError(
                f"ytdlp.{clean(key, 60)} is not an option of yt-dlp",
                "the table takes the names of yt-dlp's Python options, such as proxy, cookiefile, extractor_args",
                f"did you mean `{near[0]}`?" if near else "take it out of the [ytdlp] table",
            )


def _check_language(table: Mapping[str, Any]) -> None:
    arguments = table.get("extractor_args") or {}
    if not isinstance(arguments, Mapping) or not all(isinstance(one, Mapping) for one in arguments.values()):
        raise UserError(
            "ytdlp.extractor_args in whispersmith.toml is not understood",
            "it holds a table for each site, whose values are lists of texts",
            'write it as: extractor_args = { youtube = { player_client = ["tv"] } }',
        )
    wanted = arguments.get("youtube", {}).get("lang")
    if wanted and wanted not in ("en", ["en"]):
        raise UserError(
            "ytdlp.extractor_args.youtube.lang cannot be set in whispersmith.toml",
            "yt-dlp finds the licence by the English name of its row: in another language every video would pass for "
            "one under the standard licence",
            "take lang out of it",
        )


def _with_cookies(table: dict[str, Any], root: Path) -> dict[str, Any]:
    name = table.get("cookiefile")
    if not name:
        return table
    path = root / Path(str(name)).expanduser()
    if not path.is_file():
        raise UserError(
            f"the cookie file {clean(str(name), 200)} is not there",
            f"ytdlp.cookiefile in whispersmith.toml is looked for as {clean(str(path), 300)}",
            "put the exported cookies.txt there, or take the setting out",
        )
    lines = read_bytes(path, MOST_COOKIE_BYTES).decode("utf-8", "replace").splitlines()
    remember(words[-1] for line in lines if len(words := line.split()) > 5)
    return {**table, "cookiefile": str(path)}
