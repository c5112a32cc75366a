"""Every parser of strangers' bytes: how it is called, what it may give, what it is attacked with, and what it once fell
over. To add one, write its function and its entry in `PARSERS`."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from core import config
from core.dataset import lineage
from core.engines.hypothesis_cache import HypothesisCache, audio_state
from core.errors import UserError
from core.exchange.captions import read_captions
from core.exchange.encodings import decode
from core.exchange.formats import delimited, json_lines
from core.exchange.glossary import read_glossary
from core.exchange.rows import MetadataTable
from core.files import parse_toml
from core.jobs import event_line, event_log, spec, status
from core.query import segments, videos
from core.query.completion import complete
from core.review import text_form
from core.sources import captions, sidecar
from core.sources.captions import Track
from core.spans import Span
from core.store.records import Video
from core.text import LONGEST_TEXT, as_utf8, clean, normalise
from core.timed_text import Cue, merge_overlaps, shares, speech
from core.training import checkpoints, runs
from core.training.checkpoint_state import STATE, read_state
from core.training.plan import Plan
from core.whisper import model_files
from tests.fakes.damaged_jobs import LAST_LINES, SPECS, STATUSES
from tests.faults.bytes.strangers import DEEP, LONG_NUMBER, objects, signs


@dataclass(frozen=True)
class Parser:
    """attack: reads the bytes in an empty folder and checks what comes of them; UserError is an answer, too.
    corpus: what was once too much for it, or could be."""

    attack: Callable[[bytes, Path], object]
    bytes: st.SearchStrategy[bytes]
    corpus: Iterable[bytes] = field(default=())


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# -- what is said when


def _check_cues(cues: list[Cue]) -> None:
    assert cues == sorted(cues)
    for cue in cues:
        assert 0 <= cue.start_ms < cue.end_ms
        assert cue.text
    windows = [Span(n * 8000, n * 8000 + 10_000) for n in range(4)]
    for share in shares(cues, windows):
        clean(share.text, LONGEST_TEXT).encode("utf-8")
    merge_overlaps(speech(cues))


def _srt(data: bytes, folder: Path) -> None:
    _check_cues(read_captions(_file(folder, "talk.srt", data)))


def _track(form: str) -> Callable[[bytes, Path], None]:
    def attack(data: bytes, folder: Path) -> None:
        for cue in captions.read(Track("zh", True, form), data):
            cue.text.encode("utf-8")
            assert cue.start_ms <= cue.end_ms

    return attack


def _choices(data: bytes, folder: Path) -> None:
    try:
        info = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(info, dict):
        for track in captions.choices(info, (), automatic=True):
            as_utf8(track.language).encode("utf-8")


# -- tables


def _table(read: Callable[[Path], MetadataTable], name: str) -> Callable[[bytes, Path], None]:
    def attack(data: bytes, folder: Path) -> None:
        table = read(_file(folder, name, data))
        for row in table.rows:
            assert isinstance(row.text, str)
            table.audio_of(row)
            assert row.stem is not None
        for cues in table.cues.values():
            _check_cues(cues)

    return attack


# -- settings, glossary, texts


def _toml(data: bytes, folder: Path) -> None:
    config.load(_file(folder, "whispersmith.toml", data))


def _set_value(data: bytes, folder: Path) -> None:
    path = _file(folder, "whispersmith.toml", data)
    try:
        config.set_value(path, "project", "language", "en")
    except UserError:
        assert path.read_bytes() == data
    else:
        assert config.load(path).project.language == "en"


def _any_toml(data: bytes, folder: Path) -> None:
    assert isinstance(parse_toml(data.decode("utf-8", "replace"), "a.toml"), dict)


def _glossary(data: bytes, folder: Path) -> None:
    for word in read_glossary(_file(folder, "glossary.txt", data)):
        assert word == clean(word, 1000)


def _form(data: bytes, folder: Path) -> None:
    lines = [text_form.FormLine("talk_0_10", "0:00", "一"), text_form.FormLine("talk_8_18", "0:08", "二")]
    for text in text_form.read(data.decode("utf-8", "replace"), lines).texts.values():
        assert "\n" not in text


def _encoding(data: bytes, folder: Path) -> None:
    found = decode(data)
    if found is not None:
        assert isinstance(found[0], str)


def _text(data: bytes, folder: Path) -> None:
    text = data.decode("utf-8", "surrogateescape")
    cleaned = clean(text, 200)
    assert len(cleaned) <= 200
    assert not any(sign in cleaned for sign in "\0\x07\n\r\t\x1b\x9d\u202e\ufeff")
    cleaned.encode("utf-8")
    as_utf8(text).encode("utf-8")
    normalise(text)


# -- jobs


def _spec(data: bytes, folder: Path) -> None:
    _file(folder, spec.SPEC, data)
    try:
        found = spec.read(folder)
    except ValueError:
        return
    f"{found.id}{found.stage}".encode()


def _status(data: bytes, folder: Path) -> None:
    _file(folder, status.STATUS, data)
    found = status.read_status(folder)
    share = found.progress.share if found.progress else None
    assert share is None or share <= 1


def _log(data: bytes, folder: Path) -> None:
    path = _file(folder, spec.EVENTS, data + b"\n")
    event_log.read_tail(path)
    event_log.last_progress(path)
    for entry in event_log.EventReader(path).all():
        again = event_line.parse_line(event_line.format_line(entry))
        assert isinstance(again, event_line.LogEntry)


# -- models and runs


def _model_file(kind: type[Any], name: str) -> Callable[[bytes, Path], None]:
    def attack(data: bytes, folder: Path) -> None:
        found = model_files.read(kind, _file(folder, name, data), "a model")
        assert isinstance(found, kind)
        if isinstance(found, model_files.GenerationFile):
            assert isinstance(found.highest_token, int)
        if isinstance(found, model_files.ConfigFile):
            assert found.shape.parameters > 0

    return attack


def _weights(data: bytes, folder: Path) -> None:
    model_files.whole_safetensors(_file(folder, "model.safetensors", data))
    header = struct.pack("<Q", len(data)) + data
    model_files.whole_safetensors(_file(folder, "model.safetensors", header))


def _index(data: bytes, folder: Path) -> None:
    _file(folder, "model.safetensors.index.json", data)
    for path in model_files.weight_files(folder, "a model"):
        assert path.parent == folder
    assert not model_files.whole_weights(folder)


def _checkpoint(data: bytes, folder: Path) -> None:
    place = folder / "checkpoint-10"
    place.mkdir(exist_ok=True)
    _file(place, STATE, data)
    state = read_state(place)
    if state is not None:
        assert "/" not in state.best
        assert isinstance(state.without_gain, int)
    checkpoints.forget_measures(folder)
    checkpoints.best_checkpoint(folder)
    checkpoints.mend(folder, lambda text: None, lambda path: "")
    assert checkpoints.last_checkpoint(folder) is None


def _run(data: bytes, folder: Path) -> None:
    found = runs.read_record(_file(folder, runs.RECORD, data).parent)
    if found is not None:
        assert found.same_settings(found)
        found.base.encode("utf-8")


def _plan(data: bytes, folder: Path) -> None:
    try:
        plan = Plan.from_json(json.loads(data))
    except (ValueError, RecursionError):
        return
    assert plan is None or plan.effective_batch >= 1


def _lineage(data: bytes, folder: Path) -> None:
    found = lineage.read(_file(folder, lineage.FILE, data).parent)
    for ref in found.heard if found else ():
        f"{ref.id}{ref.video}".encode()
        bytes.fromhex(ref.digest or "")


def _sidecar(data: bytes, folder: Path) -> None:
    _file(folder, "talk.json", data)
    assert isinstance(sidecar.read(folder, "talk"), dict)


def _heard(data: bytes, folder: Path) -> None:
    wav = _file(folder, "talk_0_10.wav", b"RIFF")
    cache = HypothesisCache(folder / "models", folder, "zh")
    cache.add({"talk_0_10": "好"}, {"talk_0_10": wav})
    (path,) = (folder / "models").rglob("*.jsonl")
    path.write_bytes(data.replace(b"MARK", (audio_state(wav) or "").encode()) + b"\n" + path.read_bytes())
    assert set(cache.read({"talk_0_10": wav}).values()) == {"好"}
    path.unlink()


# -- what is typed


def _query(data: bytes, folder: Path) -> None:
    line = data.decode("utf-8", "replace")
    query = videos.parse(line)
    query.select([videos.ListedVideo(Video("talk", title="一席話", duration_ms=60_000))])
    query.found_in("一席話 a talk")
    complete(videos.LANGUAGE, line, len(line))
    segments.language({"talk": "一席話"}).parse(line)


TIMES = ["00:00:01,000 --> 00:00:02,000\n", "00:00:00.500 --> 99999:59:59.999 align:start\n", "-->", "1\n", "\n\n"]
TAGS = [
    "<c>",
    "</c>",
    "<00:00:00.000>",
    "<a",
    "<",
    ">",
    "{\\an8}",
    "{\\",
    "&amp;",
    "&#",
    "&#x110000;",
    "WEBVTT\n",
    "NOTE ",
]
CELLS = [
    "talk_0_10.wav",
    "file_name",
    "transcription",
    "start",
    "end_ms",
    ",",
    ",",
    ";",
    "\t",
    "|",
    '"',
    '""',
    "\n",
    "0:12.5",
]
TOML = [
    "[project]\n",
    "[train]\n",
    "language",
    " = ",
    '"zh"',
    "'",
    '"""',
    "[",
    "]",
    "{",
    "}",
    ".",
    "#",
    "\n",
    "steps = 3\n",
]
QUERY = [
    "length",
    "date",
    "licence",
    "state",
    "captions",
    "title",
    ":",
    ">",
    "<=",
    "..",
    "10m",
    "1:30:00",
    "2023-05",
    "cc",
]
QUERY += [
    "/",
    "(a+)+",
    "a{2,}",
    "[",
    "\\",
    "|",
    '"',
    "!",
    ",",
    "%",
    "。",
    "：",
    " ",
    "(?P<a>",
    "\\L<a>",
    "(?R)",
    "𝟙",
    "²",
]

SEGMENTS = {"segments": [{"start": 0.0, "end": 2.5, "text": "好"}]}
EVENT = {"v": 1, "seq": 3, "t": 5, "kind": "finished", "outcome": "done", "result": {}, "failed": 0, "error": None}
BLOCKED = EVENT | {"kind": "blocked", "what": "a", "steps": ["b"], "until": 5, "waits": True, "left": 3}
METRIC = EVENT | {"kind": "metric", "step": 3, "total": 5, "loss": 0.5, "epoch": 0.5, "learning_rate": 1e-5}
STATE_FIELDS = {
    "phase": "running",
    "heartbeat": 5,
    "pid": 7,
    "started": 3,
    "boot": "b",
    "progress": {"done": 1, "total": 2},
}
CONFIG = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8} | {
    "num_mel_bins": 80,
    "vocab_size": 99,
    "max_source_positions": 1500,
}
GENERATION = {
    "lang_to_id": {"<|zh|>": 5},
    "task_to_id": {"transcribe": 6},
    "eos_token_id": 1,
    "suppress_tokens": [1],
} | {
    "alignment_heads": [[0, 0]],
    "no_timestamps_token_id": 7,
}
TRAINER = {
    "global_step": 10,
    "max_steps": 20,
    "best_model_checkpoint": "/w/checkpoint-10",
    "log_history": [{"step": 1}],
} | {
    "stateful_callbacks": {"EarlyStoppingCallback": {"attributes": {"early_stopping_patience_counter": 2}}},
    "eval_steps": 5,
}
REF = {"id": "talk_0_10", "video": "talk", "start_ms": 0, "end_ms": 10_000, "digest": "ab" * 32}
LINEAGE = {"trained": [REF], "validated": [REF], "on": "test", "measured": ["a"], "inherited": []}
PLAN = {
    "model": "m", "language": "zh", "method": "full", "device": "cpu", "precision": "fp32", "recompute": False,
    "batch": 8, "accumulation": 2, "learning_rate": 1e-5, "schedule": "linear", "weight_decay": 0.0, "warmup": 5,
    "steps": 50,
    "epochs": 3.0, "fixed_steps": False, "eval_every": 5, "log_every": 1, "patience": 3, "seed": 0, "label_tokens": 448,
    "window_s": 30.0, "keep_features": True, "loader_workers": 2, "segments": 9, "validation_segments": 1,
    "test_segments": 1, "measured_on": None, "measured_segments": 0, "memory_needed_bytes": 1,
    "memory_free_bytes": None, "checkpoint_bytes": 1, "fits": True, "reasons": ["a"],
    "windows": {"single": 1.0, "timestamps": 0.5},
}  # fmt: skip
RUN = {"base": "m", "language": "zh", "train": {"method": "full"}, "plan": PLAN, "of_round": False}
INFO = {
    "subtitles": {"zh-TW": [{"ext": "vtt", "url": "https://a/b", "http_headers": {"a": "b"}}]},
    "automatic_captions": {"zh-orig": [{"ext": "json3", "data": "{}"}]},
    "formats": [{"language": "zh", "language_preference": 10}],
    "language": None,
}
JSON3 = {"events": [{"tStartMs": 5, "dDurationMs": 100, "aAppend": 1, "segs": [{"utf8": "好"}]}], "wireMagic": "pb3"}

NESTED = (b"[]", b"{}", b"", b"null", DEEP, b'{"a":' * 5000, LONG_NUMBER, b"\xff\xfe", b"\0" * 9, b'"\\ud800"', b"NaN")
"""What is no object of any file that is one."""

PARSERS: dict[str, Parser] = {
    "captions": Parser(
        _srt,
        signs([*TIMES, *TIMES, *TAGS]),
        [
            b"00:00:01,000 --> 00:10:00,000\n" + b"<a" * 5000,
            b"00:00:01,000 --> 00:10:00,000\n&#" + LONG_NUMBER + b";",
            b"1e5:00:01,000 --> 00:10:00,000\n",
            b"00:00:01,000 --> 00:00:02,000\n\xed\xa0\x80",
        ],
    ),
    "a site's vtt": Parser(_track("vtt"), signs([*TIMES, *TAGS])),
    "a site's json3": Parser(_track("json3"), objects(JSON3), [*NESTED, b'{"events":{}}', b'{"events":[[]]}']),
    "a site's tracks": Parser(
        _choices,
        objects(INFO),
        [
            b'{"subtitles":{"zh":7}}',
            b'{"formats":[5]}',
            b'{"subtitles":{"zh":[{"ext":"vtt","url":"a","http_headers":5}]}}',
        ],
    ),
    "csv": Parser(
        _table(delimited.read, "table.csv"),
        signs(CELLS),
        [
            b"file_name,transcription\n" + b"x" * 300 + b".wav,text\n",
            b"sep=;\n",
            b'"\n' * 30,
            b"start,end,text\n1e9,2,a",
        ],
    ),
    "jsonl": Parser(
        _table(json_lines.read, "table.jsonl"),
        objects({"file_name": "talk_0_10.wav", "text": "好", "data": {}, "annotations": [{"result": [{"value": {}}]}]}),
        [*NESTED, b'{"file_name":"' + b"x" * 300 + b'.wav","text":"a"}', b'{"file_name":"a\\u0000.wav","text":"a"}'],
    ),
    "json": Parser(
        _table(json_lines.read, "table.json"),
        objects(SEGMENTS),
        [
            *NESTED,
            b'{"segments":[{"start":1e308,"end":1e308,"text":"a"}]}',
            b'{"segments":[{"start":NaN,"end":1,"text":"a"}]}',
        ],
    ),
    "encodings": Parser(
        _encoding, signs(["一席話".encode("cp950"), "一席话".encode("gb18030"), "한국".encode("euc-kr")])
    ),
    "settings": Parser(
        _toml,
        signs(TOML),
        [
            b"a = " + DEEP,
            b"[train]\nsteps = " + LONG_NUMBER,
            b"[" + b"a." * 5000 + b"b]",
            b" " * 50_000 + b"x",
            b"\xff",
        ],
    ),
    "settings that are changed": Parser(_set_value, signs(TOML)),
    "toml": Parser(_any_toml, signs(TOML), [b"a = 1e5000", b"a = 0x" + b"f" * 5000, b"a = " + b"{a=" * 500]),
    "glossary": Parser(_glossary, signs(["鼓\n", "#", "\n"]), [b"\xff" * 9, b"a" * 61]),
    "text form": Parser(_form, signs(["talk_0_10 0:00 | ", "talk_8_18", " | ", "#", "\n", "\x85", "\u2028"])),
    "text": Parser(_text, signs(["\x1b]", "\x07", "\x1b\\", "\u200d", "👩", "\u0301\u0316" * 40])),
    "spec": Parser(
        _spec, objects({"v": 1, "id": "a", "stage": "label", "created": 5, "params": {}}), [*NESTED, *SPECS.values()]
    ),
    "status": Parser(_status, objects(STATE_FIELDS), [*NESTED, *STATUSES.values()]),
    "events": Parser(_log, objects(EVENT) | objects(BLOCKED) | objects(METRIC), [*NESTED, *LAST_LINES.values()]),
    "config.json": Parser(_model_file(model_files.ConfigFile, "config.json"), objects(CONFIG), NESTED),
    "generation_config.json": Parser(
        _model_file(model_files.GenerationFile, "generation_config.json"),
        objects(GENERATION),
        [*NESTED, b'{"lang_to_id":["<|zh|>"]}', b'{"lang_to_id":{"zh":"5"}}', b'{"alignment_heads":[[1]]}'],
    ),
    "tokenizer.json": Parser(
        _model_file(model_files.TokenizerFile, "tokenizer.json"),
        objects({"added_tokens": [{"content": "<|zh|>", "id": 5}], "model": {"vocab": {"a": 1}}}),
        NESTED,
    ),
    "safetensors": Parser(
        _weights,
        objects({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "__metadata__": {"format": "pt"}}),
        [*NESTED, b"\xff" * 8, b"\0" * 7, struct.pack("<Q", 2**63)],
    ),
    "model.safetensors.index.json": Parser(
        _index,
        objects({"weight_map": {"w": "model-1.safetensors"}}),
        [*NESTED, b'{"weight_map":{"w":"../a.safetensors"}}'],
    ),
    "trainer_state.json": Parser(
        _checkpoint,
        objects(TRAINER),
        [
            *NESTED,
            b'{"global_step":1,"best_model_checkpoint":[1]}',
            b'{"global_step":1,"best_model_checkpoint":"checkpoint-\xc2\xb2"}',
            b'{"global_step":1,"log_history":[5]}',
            b'{"global_step":1,"log_history":7}',
        ],
    ),
    "run.json": Parser(_run, objects(RUN), [*NESTED, b'{"base":"\\ud800","language":"zh","train":{}}']),
    "plan": Parser(_plan, objects(PLAN)),
    "training.json": Parser(_lineage, objects(LINEAGE), [*NESTED, b'{"trained":[5],"validated":[]}']),
    "a recording's json": Parser(_sidecar, objects({"id": "talk", "title": "一席話"}), NESTED),
    "texts a model wrote": Parser(
        _heard,
        objects({"segment": "talk_0_10", "mark": "MARK0", "text": "好"}),
        [
            *NESTED,
            b'{"segment":"talk_0_10","mark":"MARK","text":5}',
            b'{"segment":"talk_0_10","mark":"MARK","text":"\\ud800"}',
        ],
    ),
    "queries": Parser(
        _query,
        signs(QUERY),
        [
            b"length>" + LONG_NUMBER[:400] + b"m",
            b"length:" + LONG_NUMBER[:3000],
            b"/(((a{999}){999}){999}){999}/",
            b"/" + b"(" * 900,
        ],
    ),
}
