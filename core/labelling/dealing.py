"""What each segment gets of the timed text of its recording, and how far it is to be trusted.

One path for captions, labellers and a second labeller, whoever asks: labelling, cutting anew, an import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from core.config import Config
from core.engines import Hypothesis
from core.exchange.glossary import read_glossary
from core.labelling.captions import AUTOMATIC
from core.labelling.sources import SECOND, TextSource, stored_source
from core.review.chinese_script import written_in
from core.review.differences import differences
from core.review.flags import MOVED, PARTLY
from core.review.script_conversion import Convert, converter
from core.review.suspicion import PRIOR, EditEstimate, EditFeatures, expected_edits, letters, usual_rate
from core.store import Segment, Store
from core.store.records import SecondReading
from core.store.transcripts import MachineText
from core.text import LONGEST_TEXT, clean, compression_ratio, is_loop
from core.timed_text import ScoredWord, Share
from core.workspace import Workspace

ScoredWords = Sequence[ScoredWord]
"""Words with their log-probabilities, as `core.review.suspicion.EditFeatures` has them."""

# Edits a character: people wrote captions for these very words; a site's recognition is a machine's text.
_WRITTEN = 0.02
_RECOGNISED = 0.15


def convert_by_settings(workspace: Workspace, config: Config) -> Convert:
    """What writes a machine's text in the script of the settings. UserError for a glossary that cannot be read."""
    return converter(config.transcripts.script, read_glossary(workspace.glossary))


def deal(
    store: Store, segments: Sequence[Segment], sources: Iterable[TextSource], convert: Convert
) -> list[MachineText]:
    """Give segments of one recording their share, each of the first source that has one, and store it.

    Captions that say nothing leave a segment to the next source; a labeller that has listened and heard nothing gives
    it an empty text. Human text and verdicts stay. convert: what writes a text in the script that is wanted; what it
    was stays as the raw text. Returns what was stored; how far it is to be trusted is told from these segments alone,
    until `settle` looks at the whole recording.
    """
    texts: dict[str, MachineText] = {}
    words: dict[str, ScoredWords] = {}
    for source in sources:
        open_to = [segment for segment in segments if segment.id not in texts and source.covers(segment)]
        for segment, share in zip(open_to, source.shares(open_to), strict=True):
            if share.text or (source.origin == "machine" and not source.partial):
                texts[segment.id] = _text(segment, share, source, convert)
                words[segment.id] = share.words
    return _write(store, segments, texts, words)


def write_hypotheses(
    store: Store, model: str, heard: Sequence[tuple[Segment, Hypothesis]], convert: Convert
) -> list[MachineText]:
    """Store what was heard in single clips of segments; returns what was stored, as `deal` does."""
    texts = {segment.id: _text_of_clip(segment, hypothesis, model, convert) for segment, hypothesis in heard}
    words = {segment.id: _tokens(texts[segment.id]) for segment, _ in heard}
    return _write(store, [segment for segment, _ in heard], texts, words)


def settle(store: Store, video: str, convert: Convert) -> list[str]:
    """Tell of every text of a recording that nobody has reviewed how far it is to be trusted, from all that is stored.

    A second reading is that of the source that was asked last, else of the newest timed text; never the text's own. It
    is converted as the texts are.
    Returns the segments for which something is another than before.
    """
    everything = store.segments.all(video=video)
    rows = [row for row in everything if row.origin in ("machine", "caption") and row.review == "pending"]
    if not rows:
        return []
    estimates, readings = weigh(store, video, rows, everything, convert)
    before = {id: reading for id, reading in store.second_readings.of(video).items() if id in estimates}
    store.second_readings.remove(before.keys() - readings.keys())
    store.second_readings.put(reading for id, reading in readings.items() if before.get(id) != reading)
    now = {row.id: ((*_of_cut(row), *estimates[row.id].flags), estimates[row.id].suspicion) for row in rows}
    changed = {row.id: now[row.id] for row in rows if (row.flags, row.suspicion) != now[row.id]}
    store.transcripts.set_estimates(changed)
    return list(changed)


def weigh(
    store: Store, video: str, rows: Sequence[Segment], recording: Sequence[Segment], convert: Convert
) -> tuple[dict[str, EditEstimate], dict[str, SecondReading]]:
    """How far texts of a recording are to be trusted, and how a second labeller reads them, both by segment.

    rows: with the texts that are meant. recording: the rows that its rate and script are told from.
    """
    asked = (store.note(SECOND) or {}).get("source")
    timed = sorted(store.timed_texts.of(video), key=lambda row: row.source != asked)
    sources = [stored_source(store, row) for row in timed]
    readings = _second_readings(rows, sources, convert)
    return _estimates(rows, recording, _scored_words(rows, sources), readings), readings


def expected_errors(store: Store, rows: Iterable[Segment]) -> float:
    """Characters that are expected to be wrong in these texts, by what their own labellers are unsure of.

    Second readings are left out: who has just written anew would be weighed against who wrote before, and the other way
    round.
    """
    recordings: dict[str, list[Segment]] = {}
    for row in rows:
        recordings.setdefault(row.video, []).append(row)
    edits = 0.0
    for video, own in recordings.items():
        sources = [stored_source(store, timed) for timed in store.timed_texts.of(video)]
        estimates = _estimates(own, store.segments.all(video=video), _scored_words(own, sources), {})
        edits += sum(estimate.edits for estimate in estimates.values())
    return edits


def _of_cut(row: Segment) -> list[str]:
    """The flags of a text that a new cut has put there: no estimate tells them."""
    return [flag for flag in row.flags if flag in (MOVED, PARTLY)]


def _text(segment: Segment, share: Share, source: TextSource, convert: Convert) -> MachineText:
    text = clean(share.text, LONGEST_TEXT)
    total = sum(share.logprobs)
    return MachineText(
        segment=segment.id,
        text=convert(text),
        raw=text,
        model=source.model,
        avg_logprob=round(total / len(share.logprobs), 5) if share.logprobs else None,
        logprob=round(total, 4) if share.logprobs else None,
        no_speech_prob=None if share.no_speech_prob is None else round(share.no_speech_prob, 5),
        compression_ratio=round(compression_ratio(text), 3),
        flags=("cut",) if share.cut else (),
        origin=source.origin,
    )


def _text_of_clip(segment: Segment, hypothesis: Hypothesis, model: str, convert: Convert) -> MachineText:
    # The tokens and the end, each with what they have in the mean.
    total = hypothesis.avg_logprob * (len(hypothesis.tokens) + 1)
    return MachineText(
        segment=segment.id,
        text=convert(" ".join(hypothesis.text.split())),
        raw=hypothesis.text,
        model=model,
        avg_logprob=hypothesis.avg_logprob,
        logprob=round(total, 4),
        no_speech_prob=hypothesis.no_speech_prob,
        compression_ratio=hypothesis.compression_ratio,
        flags=hypothesis.flags,
    )


def _write(
    store: Store,
    segments: Sequence[Segment],
    texts: Mapping[str, MachineText],
    words: Mapping[str, ScoredWords],
) -> list[MachineText]:
    rows = [
        replace(segment, text=text.text, raw=text.raw, model=text.model, origin=text.origin, flags=text.flags)
        for segment in segments
        if (text := texts.get(segment.id)) is not None
    ]
    estimates = _estimates(rows, rows, words, {})
    found = [
        replace(texts[id], flags=estimate.flags, suspicion=estimate.suspicion) for id, estimate in estimates.items()
    ]
    stored = set(store.transcripts.write_machine(found))
    return [text for text in found if text.segment in stored]


def _scored_words(rows: Sequence[Segment], sources: Sequence[TextSource]) -> dict[str, ScoredWords]:
    """The words of each row's text, by segment: its share of what its labeller heard, else of its own mean."""
    found: dict[str, ScoredWords] = {}
    for source in sources:
        own = [row for row in rows if row.model == source.model and source.covers(row)]
        for row, share in zip(own, source.shares(own), strict=True):
            if clean(share.text, LONGEST_TEXT) == row.raw:
                found[row.id] = share.words
    return {row.id: _tokens(row) for row in rows} | found


def _tokens(row: Segment | MachineText) -> ScoredWords:
    """As many as there are tokens, each with the mean; what older versions wrote has no sum, but characters."""
    if not row.avg_logprob:
        return ()
    count = letters(row.text) if row.logprob is None else round(row.logprob / row.avg_logprob)
    return (ScoredWord("", row.avg_logprob, is_mean=True),) * count


def _second_readings(
    rows: Sequence[Segment], sources: Sequence[TextSource], convert: Convert
) -> dict[str, SecondReading]:
    """By segment, of the first source that has one. A loop is no opinion: it differs from whatever was said."""
    found: dict[str, SecondReading] = {}
    for source in sources:
        others = [row for row in rows if row.id not in found and row.model != source.model and source.covers(row)]
        for row, share in zip(others, source.shares(others), strict=True):
            other = convert(clean(share.text, LONGEST_TEXT))
            if is_loop(other):
                continue
            found[row.id] = SecondReading(row.id, source.model, row.text, other, tuple(differences(row.text, other)))
    return found


def _estimates(
    rows: Sequence[Segment],
    recording: Sequence[Segment],
    words: Mapping[str, ScoredWords],
    readings: Mapping[str, SecondReading],
) -> dict[str, EditEstimate]:
    """By segment. recording: the rows that its rate and script are told from."""
    rate = usual_rate((row.text, _speech_s(row)) for row in recording)
    by_people = [row.text for row in recording if row.is_human]
    script = written_in(by_people) or written_in(row.text for row in recording)
    return {
        row.id: expected_edits(
            EditFeatures(
                row.text,
                _seconds(row),
                words=words.get(row.id, ()),
                places=None if (reading := readings.get(row.id)) is None else reading.places,
                speech_s=_speech_s(row),
                rate=rate,
                script=script,
                prior=_prior(row),
                flags=("cut",) if "cut" in row.flags else (),
            )
        )
        for row in rows
    }


def _seconds(row: Segment) -> float:
    return (row.end_ms - row.start_ms) / 1000


def _speech_s(row: Segment) -> float | None:
    return None if row.speech is None else row.speech * _seconds(row)


def _prior(row: Segment) -> float:
    if row.origin != "caption":
        return PRIOR
    return _RECOGNISED if row.model.endswith(AUTOMATIC) else _WRITTEN
