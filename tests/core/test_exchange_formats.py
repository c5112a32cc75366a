"""The table of formats: what commands and stages take from it, and that a format is added by its entry alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from core.cli import parser
from core.cli.arguments import UsageError
from core.errors import UserError
from core.exchange.clips import Parts, Step, WrittenDataset
from core.exchange.formats import table
from core.exchange.formats.table import Format, dataset_format, read_cues, recognise, transcription_format
from core.exchange.rows import MetadataRow, MetadataTable
from core.sources.captions import beside
from core.stages import export, import_, transcribe
from core.store import Store
from core.timed_text import Cue
from tests.core.media_kit import make_job, make_workspace, with_segments


def _write_kaldi(folder: Path, parts: Parts, step: Step) -> WrittenDataset:
    for part, clips in parts.items():
        (folder / f"{part}.ark").write_text("".join(f"{clip.id} {clip.text}\n" for clip in clips), encoding="utf-8")
        step(len(clips))
    return WrittenDataset("kaldi", ("a note of kaldi's",))


def _read_kaldi(path: Path) -> MetadataTable:
    lines = path.read_text(encoding="utf-8").splitlines()
    return MetadataTable(path, [MetadataRow(number, *line.split(" ", 1)) for number, line in enumerate(lines, start=1)])


def _read_lyrics(path: Path) -> list[Cue]:
    return [Cue(0, 10_000, path.read_text(encoding="utf-8").strip())]


def _render_lyrics(cues: Sequence[Cue]) -> str:
    return "".join(f"[{cue.start_ms // 60_000:02}:{cue.start_ms // 1000 % 60:02}]{cue.text}\n" for cue in cues)


KALDI = Format("kaldi", (".ark",), read_rows=_read_kaldi, write_dataset=_write_kaldi)
LYRICS = Format("lrc", (".lrc",), read_cues=_read_lyrics, write_transcription=_render_lyrics)


def test_a_format_is_added_by_its_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "FORMATS", (*table.FORMATS, KALDI, LYRICS))
    workspace = make_workspace(tmp_path / "ws")
    ids = with_segments(workspace, "talk", 3, {0: "一", 1: "二 三"})
    # The command line takes it.
    assert parser.parse(["export", "--format", "kaldi"]).format == "kaldi"
    assert parser.parse(["transcribe", "a.wav", "--format", "lrc"]).format == "lrc"
    with pytest.raises(UsageError, match="invalid choice: 'lrc'"):
        parser.parse(["export", "--format", "lrc"])
    # export writes it,
    job = make_job(workspace, "export", format="kaldi")
    result = export.run(workspace, workspace.config(), job)
    written = Path(result["path"]) / "train.ark"
    assert (result["format"], result["metadata"]) == ("kaldi", "kaldi")
    assert written.read_text(encoding="utf-8") == "talk_0_10 一\ntalk_8_18 二 三\n"
    # import knows it by its suffix, as a table and as captions,
    written.write_text("talk_16_26 四\n", encoding="utf-8")
    import_.run(workspace, workspace.config(), make_job(workspace, "import", path=str(written)))
    with Store(workspace.db_path) as store:
        found = store.segments.get(ids[2])
        assert found is not None
        assert (found.text, found.review) == ("四", "accepted")
        store.transcripts.save(ids[0], "")
    captions = tmp_path / "songs" / "talk.lrc"
    captions.parent.mkdir()
    captions.write_text("五\n", encoding="utf-8")
    job = make_job(workspace, "import", path=str(captions.parent), **{"as": "machine"})
    assert import_.run(workspace, workspace.config(), job)["rows"] == 3
    assert recognise(captions.parent) == [(LYRICS, captions)]
    # transcribe writes it, and label finds it beside a recording.
    said = {"segments": [{"start_ms": 61_000, "end_ms": 62_000, "text": "六"}], "format": "lrc"}
    assert transcribe.report(said) == "[01:01]六\n"
    (workspace.media / "talk.zh.lrc").write_text("七", encoding="utf-8")
    assert beside(workspace.media, ("zh",)) == {"talk": [("zh", workspace.media / "talk.zh.lrc")]}
    assert read_cues(workspace.media / "talk.zh.lrc") == [Cue(0, 10_000, "七")]


def test_what_the_commands_take() -> None:
    assert table.dataset_formats() == ["audiofolder", "jsonl", "parquet", "nemo", "srt"]
    assert table.transcription_formats() == ["txt", "srt", "vtt", "json"]
    assert dataset_format(table.DATASET).write_dataset
    assert transcription_format(table.TRANSCRIPTION).write_transcription
    assert parser.parse(["export"]).format == table.DATASET
    assert parser.parse(["transcribe", "a.wav"]).format == table.TRANSCRIPTION
    with pytest.raises(UserError, match="there is no format vtt"):
        dataset_format("vtt")


def test_names_are_one_and_a_suffix_is_read_one_way() -> None:
    names = [one.name for one in table.FORMATS]
    suffixes = [suffix for one in table.FORMATS for suffix in one.suffixes]
    assert len(set(names)) == len(names)
    assert len(set(suffixes)) == len(suffixes)
    for one in table.FORMATS:
        readers = (one.read_rows is not None) + (one.read_cues is not None)
        assert readers == (1 if one.suffixes or one.find else 0), one.name
        assert readers or one.write_dataset or one.write_transcription


def test_what_cannot_be_imported(tmp_path: Path) -> None:
    for name in ("a.docx", "noext", "a.parquet"):
        (tmp_path / name).write_text("x")
        with pytest.raises(UserError, match="is not a kind of file") as caught:
            recognise(tmp_path / name)
        assert ".srt" in caught.value.why
    with pytest.raises(UserError, match="holds nothing that can be imported"):
        recognise(tmp_path)
    with pytest.raises(UserError, match="holds no captions"):
        read_cues(tmp_path / "a.csv")
