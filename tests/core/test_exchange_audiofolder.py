"""Audiofolders: read as they are found, and written so that the loader reads back the same."""

from __future__ import annotations

import csv
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.exchange.clips import LabelledClip
from core.exchange.formats import audiofolder
from core.exchange.formats.audiofolder import survives_csv
from core.exchange.formats.table import recognise
from core.exchange.rows import MetadataRow, MetadataTable
from core.media import read_wav
from tests.core.media_kit import speech_like, write_wav

PLAIN = ["嗯", "一, 二", '他說"好"', "  spaces  ", "Q 彈", "123", "it's 5 o'clock", "NA 好"]
FATAL = ["NA", "", "null", "None", "nan", "n/a"]


def _clips(folder: Path, texts: list[str]) -> list[LabelledClip]:
    return [
        LabelledClip(f"v_{n}_{n + 10}", text, write_wav(folder / f"src{n}.wav", speech_like(0.3, seed=n)))
        for n, text in enumerate(texts)
    ]


def _pandas_reads(folder: Path, texts: list[str]) -> bool:
    """Whether the loader's own reader gives these texts back from our CSV."""
    import pandas

    path = folder / "metadata.csv"
    path.write_text(
        audiofolder._csv([LabelledClip(str(n), text, path) for n, text in enumerate(texts)]), encoding="utf-8"
    )
    frames = pandas.read_csv(path, iterator=True, chunksize=10_000)
    return [text for frame in frames for text in frame["transcription"].tolist()] == texts


@pytest.mark.parametrize(
    "texts",
    [
        PLAIN,
        *([[text, "好"] for text in FATAL]),
        ["1", "2"],
        ["1.5", "-3e4"],
        ["True", "false"],
        ["1,000", "2"],
        ["inf", "1"],
        ["好", "1"],
        ["a\rb", "好"],
        ["a\nb", "好"],
        ["#x", "// y"],
        ["'", '"'],
        ["1 "],
        ["0x10"],
        ["2024-01-01"],
        ["1_000"],
    ],
)
def test_our_rule_never_trusts_csv_with_a_text_it_would_change(tmp_path: Path, texts: list[str]) -> None:
    if survives_csv(texts):
        assert _pandas_reads(tmp_path, texts)


def test_our_rule_is_not_overcautious() -> None:
    assert survives_csv(PLAIN)
    assert not any(survives_csv([text, "好"]) for text in FATAL)
    assert not survives_csv(["1", "2"])
    assert not survives_csv(["好"] * 10_000 + ["1"])


def _rows(folder: Path) -> list[tuple[MetadataTable, MetadataRow]]:
    tables = [audiofolder.read(path) for path in audiofolder.find(folder)]
    return [(table, row) for table in tables for row in table.rows]


def _read_back(folder: Path) -> dict[str, list[tuple[str, str]]]:
    parts: dict[str, list[tuple[str, str]]] = {}
    for table, row in _rows(folder):
        assert table.audio_of(row) is not None
        parts.setdefault(table.path.parent.name, []).append((row.name, row.text))
    return parts


@pytest.mark.parametrize(("texts", "form"), [(PLAIN, "csv"), ([*PLAIN, "NA", ""], "jsonl"), (["1", "2"], "jsonl")])
def test_what_is_written_is_read_back(tmp_path: Path, texts: list[str], form: str) -> None:
    clips = _clips(tmp_path / "src", texts)
    out = tmp_path / "out"
    out.mkdir()
    counts: list[int] = []
    assert audiofolder.write(out, {"train": clips[1:], "test": clips[:1]}, counts.append).metadata == form
    assert counts == list(range(1, len(clips) + 1))
    names = [(clip.name, clip.text) for clip in clips]
    assert _read_back(out) == {"train": names[1:], "test": names[:1]}
    assert {path.name for path in out.rglob("metadata.*")} == {f"metadata.{form}"}


@pytest.mark.parametrize("texts", [PLAIN, [*PLAIN, "NA"]])
def test_the_loader_reads_back_equal(tmp_path: Path, texts: list[str]) -> None:
    try:
        importlib.import_module("torchcodec.decoders")
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"datasets decodes audio with torchcodec, which does not load here: {str(error)[:60]}")
    from datasets import load_dataset

    clips = _clips(tmp_path / "src", texts)
    out = tmp_path / "out"
    out.mkdir()
    parts = {"train": clips[:-2], "test": clips[-2:]}
    audiofolder.write(out, parts)
    (out / "README.md").write_text("---\nlicense: other\n---\n# a card\n")
    (out / ".whispersmith.json").write_text("{}")
    data: Any = load_dataset("audiofolder", data_dir=str(out), cache_dir=str(tmp_path / "cache"))
    for part, wanted in parts.items():
        rows = list(data[part])
        assert [row["transcription"] for row in rows] == [clip.text for clip in wanted]
        for row, clip in zip(rows, wanted, strict=True):
            heard = row["audio"].get_all_samples()
            assert heard.sample_rate == 16_000
            assert abs(heard.data[0].numpy() * 32768 - read_wav(clip.audio)[0]).max() < 1


@pytest.mark.parametrize("texts", [PLAIN, [*PLAIN, "NA"]])
def test_readers_that_are_not_ours_read_back_equal(tmp_path: Path, texts: list[str]) -> None:
    """The standard library and soundfile, for machines where the loader's decoder does not load."""
    import soundfile

    clips = _clips(tmp_path / "src", texts)
    out = tmp_path / "out"
    out.mkdir()
    form = audiofolder.write(out, {"train": clips}).metadata
    with (out / "train" / f"metadata.{form}").open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, str]] = list(csv.DictReader(file)) if form == "csv" else list(map(json.loads, file))
    assert [(row["file_name"], row["transcription"]) for row in rows] == [(clip.name, clip.text) for clip in clips]
    for row, clip in zip(rows, clips, strict=True):
        samples, rate = soundfile.read(out / "train" / row["file_name"], dtype="int16")
        assert rate == 16_000
        assert (samples == read_wav(clip.audio)[0]).all()


def test_reading_what_others_laid_out(tmp_path: Path) -> None:
    write_wav(tmp_path / "train" / "v_0_10.wav", speech_like(0.2))
    (tmp_path / "train" / "metadata.csv").write_text("file_name,transcription\nv_0_10.wav, 一, 二\ngone_0_10.wav, 三\n")
    write_wav(tmp_path / "test" / "clips" / "v_8_18.wav", speech_like(0.2))
    (tmp_path / "test" / "metadata.jsonl").write_text('{"file_name": "clips/v_8_18.wav", "text": "四"}\n')
    (tmp_path / "test" / "metadata.csv").write_text("file_name,text\nclips/v_8_18.wav,an older copy\n")
    assert [(row.stem, row.text, table.path.parent.name, table.audio_of(row)) for table, row in _rows(tmp_path)] == [
        ("v_8_18", "四", "test", tmp_path / "test" / "clips" / "v_8_18.wav"),
        ("v_0_10", "一, 二", "train", tmp_path / "train" / "v_0_10.wav"),
        ("gone_0_10", "三", "train", None),
    ]


def test_one_table_at_the_top_that_names_the_folders(tmp_path: Path) -> None:
    write_wav(tmp_path / "test" / "v_0_10.wav", speech_like(0.2))
    (tmp_path / "metadata.csv").write_text("file_name,text\ntest\\v_0_10.wav,一\n../../etc/passwd,二\n/etc/passwd,三\n")
    assert [table.audio_of(row) for table, row in _rows(tmp_path)] == [tmp_path / "test" / "v_0_10.wav", None, None]


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds nothing that can be imported"):
        recognise(tmp_path)
