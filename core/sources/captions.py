"""Which of a recording's captions are worth having, and what they say. Pure: yt-dlp's info in, cues out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from core.config import Config
from core.errors import UserError
from core.exchange.captions import parse_captions
from core.exchange.encodings import decode
from core.exchange.formats.table import caption_suffixes
from core.sources.failures import Failure
from core.text import clean, join_texts
from core.timed_text import Cue

_T = TypeVar("_T")

NONE = Failure(
    "no captions",
    "there are no captions to take",
    "nobody has written any in the language of this workspace",
    "nothing to do: label writes the text; captions that were added since: whispersmith captions --again",
)
HIDDEN = Failure(
    "captions hidden",
    "the captions could not be fetched",
    "YouTube shows them to this address only with a PO token; the audio is not concerned",
    "go on without them, or try again later: whispersmith captions",
    "later",
)

# json3 first: YouTube's automatic VTT repeats every line as it rolls.
_FORMS = ("json3", "vtt", "srt")
_DIRECT = frozenset((None, "", "http", "https"))
"""Protocols whose link is the captions themselves, and not a list of pieces."""

_CHINESE = ("zh-TW", "zh-Hant", "zh-HK", "zh-Hant-*", "zh-TW-*", "zh-HK-*", "zh", "zh-*")
# What sites call the languages that Whisper knows under another code.
_ALSO = {"he": ("iw",), "jw": ("jv",), "no": ("nb", "nn"), "tl": ("fil",), "id": ("in",)}

_LONGEST_TEXT = 1000
_LONGEST_GUESS_MS = 5000
_LATEST_MS = 100 * 3_600_000
_STYLE = re.compile(r"\{\\[^{}]*\}")


@dataclass(frozen=True)
class Track:
    """One track of captions. automatic: written by the site's own recognition. data: its text where the info has it."""

    language: str
    automatic: bool
    form: str
    url: str = ""
    data: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def wanted(config: Config) -> tuple[str, ...]:
    """Patterns of language codes, the best first; () where the recording's own language decides ("auto")."""
    if config.captions.languages:
        return tuple(pattern for code in config.captions.languages for pattern in (code, f"{code}-*"))
    language = config.project.language
    return () if language == "auto" else family(language)


def family(language: str) -> tuple[str, ...]:
    """Patterns for a language: its code, then its regions and named tracks (`en-GB`, `en-Anna`).

    Of Chinese the traditional forms come first, and `zh`, which says nothing of the script, after them.
    """
    if language == "zh":
        return _CHINESE
    codes = (language, *_ALSO.get(language, ()))
    return (*codes, *(f"{code}-*" for code in codes))


def family_of(code: str) -> tuple[str, ...]:
    """Patterns for a code that may name a region: `zh-HK` first, then the rest of Chinese."""
    return (code, f"{code}-*", *family(_folded(code).partition("-")[0]))


def best(codes: Iterable[str], patterns: Sequence[str]) -> str | None:
    """The code that the first fitting pattern names; of several the first in order. None where none fits.

    Upper and lower case are one, and so are `zh_TW` and `zh-TW`: sites differ.
    """
    known = [(code, _folded(code)) for code in codes]
    for pattern in map(_folded, patterns):
        for code, folded in known:
            if fnmatchcase(folded, pattern):
                return code
    return None


def _folded(code: str) -> str:
    return code.replace("_", "-").casefold()


def choose(info: Mapping[str, Any], patterns: Sequence[str], *, automatic: bool = False) -> Track | None:
    """The best of `choices`, None where there is nothing to take."""
    return next(choices(info, patterns, automatic=automatic), None)


def choices(info: Mapping[str, Any], patterns: Sequence[str], *, automatic: bool = False) -> Iterator[Track]:
    """The tracks that may be taken of a recording, the best first: a listed track may turn out to be empty.

    patterns: as `wanted` gives them; with () the recording's own language counts, or, where the site does not tell
    it, the first track that people made. Automatic recognition only if asked for, after all that people wrote.
    Never a machine translation: of `automatic_captions` only `<code>-orig` was recognised, the rest is translated.
    """
    if not patterns:
        own = spoken(info)
        patterns = ("*",) if own is None else family_of(own)
    kinds = [_tracks(info.get("subtitles"), False)]
    if automatic:
        kinds.append(_tracks(info.get("automatic_captions"), True))
    for tracks in kinds:
        yield from (track for _, track in _in_order(tracks, patterns))


def spoken(info: Mapping[str, Any]) -> str | None:
    """The code of the language that is spoken, as the site tells it: for the video, its original track, or by what
    its recognition listened for."""
    formats, automatic = info.get("formats"), info.get("automatic_captions")
    tracks = [form for form in formats if isinstance(form, Mapping)] if isinstance(formats, Sequence) else []
    original = max((form for form in tracks if form.get("language")), key=_preference, default={})
    codes = [code for code in automatic if isinstance(code, str)] if isinstance(automatic, Mapping) else []
    recognised = next((code.removesuffix("-orig") for code in codes if code.endswith("-orig")), None)
    found = info.get("language") or original.get("language") or recognised
    return _folded(clean(str(found), 40)) if found else None


def _preference(form: Mapping[str, Any]) -> float:
    preference = form.get("language_preference")
    return preference if preference and isinstance(preference, int | float) else -1


def beside(media: Path, patterns: Sequence[str]) -> dict[str, list[tuple[str, Path]]]:
    """Caption files that lie beside the recordings in media/: id -> (language, file), the best first.

    `talk.zh-TW.srt` belongs to `talk`; `talk.srt` names no language ("und") and comes after those that are wanted. With
    patterns () it comes first, and any language counts.
    """
    found: dict[str, dict[str, Path]] = {}
    suffixes = caption_suffixes()
    for path in sorted(media.iterdir()) if media.is_dir() else ():
        id, _, language = path.stem.partition(".")
        if path.suffix.lower() in suffixes and id and path.is_file():
            found.setdefault(id, {}).setdefault(language or "und", path)
    order = (*patterns, "und") if patterns else ("und", "*")
    return {id: list(_in_order(files, order)) for id, files in found.items()}


def _in_order(found: Mapping[str, _T], patterns: Sequence[str]) -> Iterator[tuple[str, _T]]:
    left = {language: _folded(language) for language in found}
    for pattern in map(_folded, patterns):
        for language in [one for one, folded in left.items() if fnmatchcase(folded, pattern)]:
            del left[language]
            yield language, found[language]


def _tracks(listed: object, automatic: bool) -> dict[str, Track]:
    """Code -> track in its best form, of those that can be read here."""
    found: dict[str, Track] = {}
    for code, entries in listed.items() if isinstance(listed, Mapping) else ():
        if not isinstance(code, str) or not isinstance(entries, Sequence) or (automatic and not code.endswith("-orig")):
            continue
        code = code.removesuffix("-orig") if automatic else code
        forms = {_form(entry): entry for entry in entries if _readable(entry)}
        form = next((form for form in _FORMS if form in forms), None)
        if code != "live_chat" and form is not None:
            entry = forms[form]
            given = entry.get("http_headers")
            headers = {str(key): str(value) for key, value in given.items()} if isinstance(given, Mapping) else {}
            url, data = str(entry.get("url") or ""), entry.get("data")
            found[code] = Track(clean(code, 40), automatic, form, url, None if data is None else str(data), headers)
    return found


def _readable(entry: object) -> bool:
    if not isinstance(entry, Mapping) or entry.get("protocol") not in _DIRECT:
        return False
    # tlang: the site would translate it for us.
    return entry.get("data") is not None or (bool(entry.get("url")) and "tlang=" not in str(entry["url"]))


def _form(entry: Mapping[str, Any]) -> str:
    """The form of a track; of what stands on a bare page only the link tells it."""
    name = str(entry.get("url") or "").partition("?")[0].rpartition("/")[2]
    return str(entry.get("ext") or name.rpartition(".")[2]).lower()


def read(track: Track, data: bytes) -> list[Cue]:
    """The cues of a track as it came over the line; [] for an empty answer. UserError for what is no captions."""
    if not data.strip():
        return []
    text = decode(data)
    if text is None:
        raise _unreadable(track, "it is in an encoding that is not known here")
    if track.form == "json3":
        return parse_json3(text[0], automatic=track.automatic)
    cues = [cue._replace(text=clean(cue.text, _LONGEST_TEXT)) for cue in parse_captions(text[0], "the track")]
    return [cue for cue in cues if cue.text]


def _unreadable(track: Track | None, why: str) -> UserError:
    name = f"the captions in {track.language}" if track else "the captions"
    return UserError(f"{name} cannot be read", why, "go on without them; label writes the text")


def parse_json3(text: str, *, automatic: bool = False) -> list[Cue]:
    """Cues of YouTube's json3, in the order of time; events that say nothing are left out.

    `events` hold window definitions without `segs`, line feeds that open the next line of automatic captions
    (`aAppend`), and what is said: `tStartMs`, `dDurationMs` and `segs` of `utf8`. Automatic lines stay on the screen
    while the next one is spoken, so that each is taken to end where the next begins. A line without a length lasts
    until the next one, at most 5 s. Sound notes such as [音樂] are kept here, as what the site said; see
    `core.timed_text.speech`. UserError where it is no json3.
    """
    try:
        events = json.loads(text)["events"]
        if not isinstance(events, list):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable(None, "the site sent something else than captions") from error
    lines = sorted(filter(None, map(_line, events)), key=lambda line: line[0])
    rolling = automatic or any(isinstance(event, dict) and event.get("aAppend") for event in events)
    cues: list[Cue] = []
    following = _LATEST_MS
    for start, length, said in reversed(lines):
        following = cues[-1].start_ms if cues and cues[-1].start_ms > start else following
        if length <= 0:
            length = min(following - start, _LONGEST_GUESS_MS)
        elif rolling:
            length = min(length, following - start)
        cues.append(Cue(start, start + length, said))
    return cues[::-1]


def _line(event: object) -> tuple[int, int, str] | None:
    """(start, length or 0, text) of one event that says something."""
    if not isinstance(event, dict) or not isinstance(event.get("segs"), list):
        return None
    pieces = [seg.get("utf8") for seg in event["segs"] if isinstance(seg, dict)]
    whole = _STYLE.sub("", "".join(piece for piece in pieces if isinstance(piece, str)))
    # Half of a surrogate pair, which JSON lets pass, could not be stored.
    whole = whole.encode("utf-8", "ignore").decode()
    said = clean(join_texts([clean(line, _LONGEST_TEXT) for line in whole.splitlines()]), _LONGEST_TEXT)
    start, length = _ms(event.get("tStartMs")), _ms(event.get("dDurationMs"))
    if not said or start is None or start < 0:
        return None
    return start, max(length or 0, 0), said


def _ms(value: object) -> int | None:
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Written so that NaN fails it, too.
    return round(value) if -_LATEST_MS <= value <= _LATEST_MS else None
