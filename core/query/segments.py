"""The language that finds segments: words of their text, and terms such as `state:pending flag:loop conf<-0.5`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from core.query.folding import finder
from core.query.grammar import Attribute, QueryLanguage, Suggestion, Test
from core.query.values import compared, milliseconds, number, one_of, several
from core.review.flags import MEANINGS
from core.store.records import HUMAN, REVIEWS, TranscriptRow

HELP = (
    "words · /regex/ · state:pending|accepted|rejected|reviewed · flag:loop · video:words · by:person|machine|nobody · "
    "conf<-0.5 · susp>0.7 · length>5 · speech<20% · differs · problem:kana · !not"
)
"""The language in one line, for a screen's hint."""

SegmentTest = Test[TranscriptRow]

STATES = {
    "pending": "nobody has judged it",
    "accepted": "for training",
    "rejected": "left out of training",
    "reviewed": "accepted or rejected",
}
WRITERS = {
    "person": "written or corrected by one, here or elsewhere",
    "machine": "as a labeller has it",
    "caption": "as the recording's captions have it",
    "nobody": "no text yet",
}
_ORIGINS = {"person": HUMAN, "machine": ("machine",), "caption": ("caption",), "nobody": (None,)}
_OTHER_STATES = {"待審": "pending", "接受": "accepted", "拒絕": "rejected"}


def language(
    titles: Mapping[str, str], flags: Iterable[str] = (), problems: Mapping[str, Collection[str]] | None = None
) -> QueryLanguage[TranscriptRow]:
    """The language of a workspace. titles: of its recordings, by id; flags: that its segments have, to be suggested;
    problems: of its data set, by name, each with the ids of its segments; None while nobody has looked."""
    # The other names are what a person who types Chinese has under the fingers already.
    return QueryLanguage(
        attributes=(
            Attribute(
                "state",
                "state",
                "state:pending, state:accepted, state:rejected, state:reviewed",
                one_of(_has_state, {name: name for name in STATES} | _OTHER_STATES),
                ("狀態", "状态"),
                _suggestions(STATES),
                _OTHER_STATES,
            ),
            Attribute(
                "flag",
                "flag",
                "flag:loop, flag:any, flag:none",
                _flag(set(flags)),
                ("flags", "標記", "标记"),
                _suggestions(_told(set(flags)) | {"any": "flagged", "none": "not flagged"}),
            ),
            Attribute(
                "video",
                "recording",
                'video:ID, video:word, video:"several words"',
                _video(titles),
                ("recording", "影片", "视频"),
                _suggestions(titles),
            ),
            Attribute(
                "conf", "number", "conf<-0.5", compared(lambda row: row.avg_logprob, number), ("confidence", "信心")
            ),
            Attribute("susp", "number", "susp>0.7", compared(lambda row: row.suspicion, number), ("suspicion", "可疑")),
            Attribute(
                "length",
                "length",
                "length>8, length:5..10",
                compared(lambda row: row.end_ms - row.start_ms, milliseconds("s")),
                ("duration", "長度", "长度"),
            ),
            Attribute("speech", "share", "speech<20%", compared(lambda row: row.speech, number), ("語音", "语音")),
            Attribute(
                "by",
                "writer",
                "by:person, by:machine, by:caption, by:nobody, or of a labeller's name",
                _by,
                ("who", "作者"),
                _suggestions(WRITERS),
            ),
            Attribute(
                "problem",
                "problem that was found",
                f"problem:{next(iter(problems or ()), 'kana')}, as the check of the data set names them",
                _problem(problems or {}),
                ("problems", "問題", "问题"),
                tuple(Suggestion(name, f"{len(ids)} rows") for name, ids in (problems or {}).items()),
            ),
            Attribute("text", "text", 'text:word, text:"several words"', _within, ("文字",)),
            Attribute("id", "name", "id:abc_8_18", _named),
        ),
        word=_word,
        pattern=lambda pattern: lambda row: pattern.search(row.text),
        alone={"differs": (lambda row: row.differs > 0, "a second labeller reads it otherwise")},
    )


def _suggestions(told: Mapping[str, str]) -> tuple[Suggestion, ...]:
    return tuple(Suggestion(text, meaning) for text, meaning in told.items())


def _told(flags: set[str]) -> dict[str, str]:
    """Flags with what they mean, the gravest first."""
    return {flag: MEANINGS[flag] for flag in MEANINGS if flag in flags} | dict.fromkeys(
        sorted(flags - set(MEANINGS)), ""
    )


def _word(word: str) -> SegmentTest:
    found = finder(word)
    return lambda row: found(row.text) or found(row.id)


def _within(_: str, value: str) -> SegmentTest:
    found = finder(value)
    return lambda row: found(row.text)


def _named(_: str, value: str) -> SegmentTest:
    found = finder(value)
    return lambda row: found(row.id)


def _has_state(row: TranscriptRow, state: str) -> bool:
    return row.review == state if state in REVIEWS else row.review != "pending"


def _flag(here: set[str]) -> Callable[[str, str], SegmentTest]:
    """Of the text or of the sound. here: flags of this workspace, which an older program may have known."""

    def read(_: str, value: str) -> SegmentTest:
        asked = set(several(value))
        if not asked or not asked <= here | set(MEANINGS) | {"any", "none"}:
            raise ValueError(value)
        if "any" in asked:
            return lambda row: bool(row.flags or row.sound_flags)
        named, without = asked - {"none"}, "none" in asked
        return lambda row: (
            not named.isdisjoint(row.flags)
            or not named.isdisjoint(row.sound_flags)
            or (without and not row.flags and not row.sound_flags)
        )

    return read


def _problem(problems: Mapping[str, Collection[str]]) -> Callable[[str, str], SegmentTest]:
    def read(_: str, value: str) -> SegmentTest:
        asked = several(value)
        if not asked or not set(asked) <= problems.keys():
            raise ValueError(value)
        return lambda row: any(row.id in problems[name] for name in asked)

    return read


def _video(titles: Mapping[str, str]) -> Callable[[str, str], SegmentTest]:
    def named(words: Iterable[str]) -> tuple[set[str], Callable[[str], bool]]:
        tests = [finder(word) for word in words]

        def is_named(text: str) -> bool:
            return any(test(text) for test in tests)

        return {id for id, title in titles.items() if is_named(title) or is_named(id)}, is_named

    def read(_: str, value: str) -> SegmentTest:
        # A title may have a comma itself.
        found, is_named = named([value])
        if not found:
            found, is_named = named(several(value))
        return lambda row: row.video in found or (row.video not in titles and is_named(row.video))

    return read


def _by(_: str, value: str) -> SegmentTest:
    """person, machine, caption or nobody; anything else is a piece of a labeller's name."""
    tests: list[SegmentTest] = []
    for name in several(value):
        origins = _ORIGINS.get(name)
        if origins is not None:
            tests.append(lambda row, origins=origins: row.origin in origins)
        else:
            tests.append(lambda row, name=name: name in row.model.casefold())
    if not tests:
        raise ValueError(value)
    return lambda row: any(test(row) for test in tests)
