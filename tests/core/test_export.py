"""Exports: complete, attributed, swapped in whole, and never over something foreign."""

from __future__ import annotations

import datetime
import io
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from core import atomic_folder
from core.atomic_folder import MANIFEST, replace_folder
from core.errors import UserError
from core.exchange.captions import parse_captions
from core.exchange.formats import audiofolder
from core.jobs import Cancelled
from core.sources import sidecar
from core.stages import export, import_, split
from core.store import Store, Video
from core.store.transcripts import MachineText
from core.timed_text import TimedText, Word
from core.workspace import Workspace
from tests.core.media_kit import logged, make_job, make_workspace, with_segments

TEXTS = {number: f'第{number}句, 他說"好"' for number in range(40)}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = make_workspace(tmp_path / "ws")
    ids = with_segments(workspace, "talk", 50, TEXTS)
    with Store(workspace.db_path) as store:
        store.videos.update(
            "talk", title="A | *talk*", channel="千千", licence="cc-by", url="https://example.org/watch?v=talk"
        )
        store.transcripts.save(ids[45], "")
        store.transcripts.review(ids[3], "rejected")
    return workspace


def _export(workspace: Workspace, **params: Any) -> dict[str, Any]:
    return export.run(workspace, workspace.config(), make_job(workspace, "export", **params))


def _read_folder(folder: Path) -> dict[str, tuple[str, Path]]:
    """id -> (text, audio) of an audiofolder, all of whose audio must be there."""
    found = {}
    for table in map(audiofolder.read, audiofolder.find(folder)):
        for row in table.rows:
            audio = table.audio_of(row)
            assert audio is not None
            found[row.stem] = (row.text, audio)
    return found


def _split(workspace: Workspace) -> dict[str, Any]:
    return split.run(workspace, workspace.config(), make_job(workspace, "split"))


def test_an_audiofolder_by_split(workspace: Workspace) -> None:
    parts = _split(workspace)
    result = _export(workspace)
    assert (result["train"], result["test"], result["left_out"]) == (parts["train"], parts["test"], parts["guard"])
    assert result["path"] == str(workspace.dataset)
    assert result["leak"] == 0
    written = _read_folder(workspace.dataset)
    with Store(workspace.db_path) as store:
        rows = {row.id: row for row in store.segments.all()}
    assert len(written) == parts["train"] + parts["test"]
    for id, (text, audio) in written.items():
        row = rows[id]
        assert (text, audio.parent.name) == (row.text, row.part)
        assert audio.read_bytes() == workspace.absolute(row.path).read_bytes()
    assert "talk_24_34" not in written  # rejected
    card = (workspace.dataset / "README.md").read_text(encoding="utf-8")
    assert "license: cc-by-3.0" in card
    attribution = "| A \\| \\*talk\\* | 千千 | CC BY | – | – | <https://example.org/watch?v=talk> |"
    assert attribution in card
    assert f"| test | {parts['test']} |" in card


def test_without_a_split_all_goes_to_train_and_says_so(workspace: Workspace) -> None:
    job = make_job(workspace, "export")
    result = export.run(workspace, workspace.config(), job)
    assert (result["train"], result["test"], result["split"]) == (39, 0, False)
    assert "nothing has been split yet" in logged(job)
    assert sorted(path.name for path in workspace.dataset.iterdir()) == [MANIFEST, "README.md", "train"]


def test_a_text_that_csv_would_lose_is_written_as_json_lines(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store:
        store.transcripts.save("talk_0_10", "NA")
    assert _export(workspace)["metadata"] == "jsonl"
    assert _read_folder(workspace.dataset)["talk_0_10"][0] == "NA"


def test_an_export_can_be_imported_elsewhere(workspace: Workspace, tmp_path: Path) -> None:
    _split(workspace)
    _export(workspace)
    other = make_workspace(tmp_path / "other")
    result = import_.run(other, other.config(), make_job(other, "import", path=str(workspace.dataset)))
    with Store(workspace.db_path) as store:
        wanted = {row.id: row.text for row in store.segments.all() if row.part}
    with Store(other.db_path) as store:
        assert {row.id: row.text for row in store.segments.all()} == wanted
    assert result["imported"] == len(wanted)


@pytest.mark.parametrize("form", ["jsonl", "nemo"])
def test_json_lines(workspace: Workspace, form: str) -> None:
    parts = _split(workspace)
    result = _export(workspace, format=form)
    folder = Path(result["path"])
    assert folder == workspace.root / f"dataset-{form}"
    for part in ("train", "test"):
        name = f"{part}_manifest.json" if form == "nemo" else f"{part}.jsonl"
        rows = [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        assert len(rows) == parts[part]
        for row in rows:
            audio = folder / row["audio_filepath" if form == "nemo" else "audio"]
            assert audio.is_file()
            assert row["text"] == TEXTS[int(audio.stem.split("_")[1]) // 8]
            assert row["duration"] == 10.0


def test_parquet_carries_its_audio(workspace: Workspace) -> None:
    import pyarrow.parquet as pq
    import soundfile

    parts = _split(workspace)
    folder = Path(_export(workspace, format="parquet")["path"])
    rows = pq.read_table(folder / "data" / "train-00000-of-00001.parquet").to_pylist()
    assert len(rows) == parts["train"]
    assert rows[0]["transcription"] == TEXTS[int(rows[0]["id"].split("_")[1]) // 8]
    samples, rate = soundfile.read(io.BytesIO(rows[0]["audio"]["bytes"]))
    assert (rate, len(samples)) == (16_000, 8_000)


def test_srt_says_what_two_neighbours_hold_once(workspace: Workspace) -> None:
    folder = Path(_export(workspace, format="srt")["path"])
    cues = parse_captions((folder / "talk.srt").read_text(encoding="utf-8"))
    assert len(cues) == 39
    assert all(before.end_ms <= after.start_ms for before, after in itertools.pairwise(cues))


def test_srt_of_a_recording_that_was_heard_whole_has_no_holes(workspace: Workspace) -> None:
    words = tuple(Word(n * 1000, n * 1000 + 800, chr(0x4E00 + n), -0.1) for n in range(40))
    with Store(workspace.db_path) as store:
        said = [TimedText(0, 402_000, "", -0.1, 0.0, words)]
        store.timed_texts.put("talk", workspace.config().model.labeller, {}, said)
        for row in store.segments.all()[2:]:
            store.transcripts.review(row.id, "rejected")
    folder = Path(_export(workspace, format="srt")["path"])
    cues = parse_captions((folder / "talk.srt").read_text(encoding="utf-8"))
    assert all(before.end_ms <= after.start_ms for before, after in itertools.pairwise(cues))
    # What a person accepted lies in the first 18 s; behind it stands what was heard.
    assert "".join(cue.text for cue in cues if cue.start_ms >= 18_000) == "".join(word.text for word in words[18:])
    assert not {word.text for word in words[:18]} & set("".join(cue.text for cue in cues))
    assert _export(workspace, format="jsonl")["train"] == 2


def test_a_second_export_replaces_the_first(workspace: Workspace) -> None:
    _export(workspace)
    with Store(workspace.db_path) as store:
        store.transcripts.review("talk_8_18", "rejected")
    _export(workspace)
    assert not (workspace.dataset / "train" / "talk_8_18.wav").exists()
    assert [path.name for path in workspace.root.iterdir() if path.name.startswith(".dataset")] == []


def test_foreign_folders_and_hand_made_changes_are_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    foreign = tmp_path / "photos"
    foreign.mkdir()
    assert _export(workspace, dir=str(foreign))["train"] == 39  # empty: taken
    mine = tmp_path / "mine"
    (mine / "a").mkdir(parents=True)
    (mine / "a" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="is not empty"):
        _export(workspace, dir=str(mine))
    (foreign / "train" / "notes.txt").write_text("x")
    with pytest.raises(UserError, match="did not write") as caught:
        _export(workspace, dir=str(foreign))
    assert "train/notes.txt" in caught.value.why
    (foreign / "train" / "notes.txt").unlink()
    metadata = foreign / "train" / "metadata.csv"
    metadata.write_text(metadata.read_text() + "talk_0_10.wav,mended by hand\n")
    with pytest.raises(UserError, match="changed by hand"):
        _export(workspace, dir=str(foreign))
    assert "mended by hand" in metadata.read_text()
    with pytest.raises(UserError, match="is a file"):
        _export(workspace, dir=str(metadata))
    assert (mine / "a" / "letter.txt").read_text() == "dear"
    with pytest.raises(UserError, match="is not empty"):
        _export(workspace, dir=str(workspace.root))


def test_a_cancelled_export_leaves_the_old_one_whole(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    _export(workspace)
    before = sorted(path.name for path in workspace.dataset.rglob("*"))
    job = make_job(workspace, "export")
    monkeypatch.setattr(job, "progress", lambda done, *_, **__: job.cancel() if done == 20 else None)
    with pytest.raises(Cancelled):
        export.run(workspace, workspace.config(), job)
    assert sorted(path.name for path in workspace.dataset.rglob("*")) == before
    assert not list(workspace.root.glob(".dataset*"))


@pytest.mark.parametrize("kernel", [True, False])
def test_a_folder_is_replaced_with_and_without_help_of_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool
) -> None:
    if not kernel:
        monkeypatch.setattr(atomic_folder, "_exchange_names", lambda one, other: False)
    target = tmp_path / "deep" / "out"
    leftover = tmp_path / "deep" / ".out.999999999.new"
    leftover.mkdir(parents=True)
    for text in ("one", "two"):
        with replace_folder(target) as folder:
            (folder / "a.txt").write_text(text)
        assert (target / "a.txt").read_text() == text
    assert os.listdir(tmp_path / "deep") == ["out"]


def test_missing_audio_fails_alone(workspace: Workspace) -> None:
    (workspace.segments / "talk" / "talk_8_18.wav").unlink()
    job = make_job(workspace, "export")
    assert export.run(workspace, workspace.config(), job)["train"] == 38
    assert [id for id, _ in job.failures] == ["talk_8_18"]


def test_licences_that_differ_make_the_whole_other(workspace: Workspace) -> None:
    with_segments(workspace, "second", 1, {0: "好"})
    with Store(workspace.db_path) as store:
        store.videos.update("second", licence="standard", title="x\nlicense: mit\x1b[31m")
        store.videos.add(Video("unused", title="unused", licence="cc-by"))
    _export(workspace)
    card = (workspace.dataset / "README.md").read_text(encoding="utf-8")
    assert "license: other" in card
    assert "\nlicense: mit" not in card
    assert "\x1b" not in card
    assert "unused" not in card


def _card(workspace: Workspace, **changes: Any) -> str:
    with Store(workspace.db_path) as store:
        store.videos.update("talk", **changes)
    _export(workspace)
    return (workspace.dataset / "README.md").read_text(encoding="utf-8")


def test_the_attribution_that_cc_by_asks_for(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store:
        talk = store.videos.get("talk")
    assert talk is not None
    sidecar.write(workspace.media, talk)
    today = datetime.date.today().isoformat()
    card = _card(
        workspace,
        title="第一講",
        channel_url="https://www.youtube.com/@fake_channel",
        url="https://www.youtube.com/watch?v=fake__*-_9A",
        licence_text="Creative Commons Attribution license (reuse allowed)",
        upload_date="2024-05-06",
    )
    (row,) = [line for line in card.splitlines() if line.startswith("| 第一講")]
    assert row == (
        "| 第一講 | [千千](https://www.youtube.com/@fake_channel) "
        "| [CC BY 3.0](https://creativecommons.org/licenses/by/3.0/): "
        "Creative Commons Attribution license (reuse allowed) "
        f"| 2024-05-06 | {today} | <https://www.youtube.com/watch?v=fake__%2A-_9A> |"
    )
    assert "license: cc-by-3.0" in card
    assert "says what was changed" in card
    assert "began as captions" not in card


@pytest.mark.parametrize(
    ("url", "words", "name", "tag"),
    [
        ("https://youtu.be/x", "", "[CC BY 3.0](https://creativecommons.org/licenses/by/3.0/)", "cc-by-3.0"),
        (
            "https://pod.example/1",
            "CC-BY 4.0",
            "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/): CC-BY 4.0",
            "cc-by-4.0",
        ),
        (
            "https://pod.example/1",
            "https://creativecommons.org/licenses/by/2.5/",
            "licenses/by/2.5/): https:",
            "cc-by-2.5",
        ),
        ("https://pod.example/1", "by", "| CC BY: by |", "cc-by-3.0"),
    ],
)
def test_the_version_of_the_licence(workspace: Workspace, url: str, words: str, name: str, tag: str) -> None:
    card = _card(workspace, url=url, licence_text=words)
    assert name in card
    assert f"\nlicense: {tag}\n" in card


def test_strangers_words_stay_in_their_cells(workspace: Workspace) -> None:
    bad = "x\n| a | b |\n# head ![i](javascript:alert(1)) <img src=x onerror=y> `c` $e$ ~~s~~ &lt;b&gt; \x1b[31m\u202e"
    card = _card(
        workspace,
        title=bad,
        channel=bad,
        channel_url="https://x.example/a) | [b](c>\n<i>",
        licence="standard",
        licence_text=bad,
        upload_date="2024-05-06|",
        url="javascript:alert(1)//https://x.example",
    )
    rows = [line for line in card.splitlines() if line.startswith("|")][-3:]
    assert rows[0] == "| title | channel | licence | published | fetched | address |"
    assert len(re.findall(r"(?<!\\)\|", rows[2])) == 7
    assert not re.search(r"(?<!\\)[<>`$*]", rows[2])
    assert len(re.findall(r"(?<!\\)\[", rows[2])) == len(re.findall(r"(?<!\\)\]", rows[2])) == 1
    assert "](https://x.example/a%29%20%7C%20%5Bb%5D%28c%3E%20%3Ci%3E)" in rows[2]
    assert "&amp;lt;b" in rows[2]
    assert rows[2].endswith("| – | – | – |")
    assert "\x1b" not in card
    assert "\u202e" not in card


def test_transcripts_that_began_as_captions_are_counted(workspace: Workspace) -> None:
    ids = with_segments(workspace, "captioned", 4)
    texts = [
        MachineText(id, f"字幕{number}", f"字幕{number}", model, origin="caption")
        for number, (id, model) in enumerate(
            zip(ids, ("captions:zh-TW", "captions:zh-TW", "captions:zh:automatic", "captions:zh-TW"), strict=True)
        )
    ]
    with Store(workspace.db_path) as store:
        store.transcripts.write_machine(texts)
        store.transcripts.review(ids[0], "accepted")
        store.transcripts.save(ids[1], "一個人改了")
        store.transcripts.review(ids[2], "accepted")
    card = _card(workspace)
    assert "3 of the 42 transcripts began as captions of the recordings, 1 of them written by a site's speech" in card


def test_nothing_to_export_and_unknown_formats(tmp_path: Path, workspace: Workspace) -> None:
    empty = make_workspace(tmp_path / "empty")
    with pytest.raises(UserError, match="nothing to export"):
        _export(empty)
    with pytest.raises(UserError, match="there is no format xml"):
        _export(workspace, format="xml")
