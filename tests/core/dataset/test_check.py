"""What is wrong with a data set: every problem with its rows, and what mends it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from core.dataset import mending
from core.dataset.check import KINDS, Problem, check_dataset, tokens
from core.dataset.mending import StageToRun, mend_rows, rewritten, stage_for
from core.errors import UserError
from core.store import Store
from core.store.transcripts import MachineText
from core.workspace import Workspace
from tests.core.cli_kit import caller
from tests.core.media_kit import make_workspace, with_segments

GOOD = [f"這裡第{word}句說的是別的話" for word in ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十")]


def problems(workspace: Workspace) -> dict[str, Problem]:
    with Store(workspace.db_path) as store:
        return {problem.name: problem for problem in check_dataset(workspace, store)}


@pytest.fixture
def good(tmp_path: Path) -> tuple[Workspace, list[str]]:
    """Ten accepted rows; an eleventh is not, and its text, however odd, is nobody's concern."""
    workspace = make_workspace(tmp_path / "w")
    ids = with_segments(workspace, "talk", 11, dict(enumerate(GOOD)))
    with Store(workspace.db_path) as store:
        store.transcripts.write_machine([MachineText(ids[10], "ハハ\x07台", "", "tiny")])
    return workspace, ids


def test_nothing_is_wrong_with_what_is_right(good: tuple[Workspace, list[str]]) -> None:
    assert problems(good[0]) == {}


WRONG = {
    "empty": ("……", None),
    "long": ("嗯嗯啊啊" * 130, None),
    "fast": ("".join(chr(0x4E00 + n) for n in range(150)), None),
    "kana": ("那個真的しあわせ", None),
    "odd": ("看\u200b得見\ue000的\x07 字\ufffd", "看得見的 字\ufffd"),
    "width": ("這個Ｑ彈，真的", "這個Q彈，真的"),
    "script": ("我们吃饭", "我們吃飯"),
    "tai": ("台灣的電視臺", "臺灣的電視臺"),
}


def test_terms_of_the_glossary_stay_as_they_are_written(good: tuple[Workspace, list[str]]) -> None:
    workspace, ids = good
    workspace.glossary.write_text("台積電\nＱ彈\n软件园\n")
    texts = {
        "tai": ("台積電在台灣，電視臺", "台積電在臺灣，電視臺"),
        "width": ("這個Ｑ彈，真的Ｑ", "這個Ｑ彈，真的Q"),
        # Characters and no words: 软件 is not 軟體.
        "script": ("我们的软件在软件园", "我們的軟件在软件园"),
    }
    with Store(workspace.db_path) as store:
        store.transcripts.save(ids[6], "這裡第七句說的是臺北和臺中的 Q 版")
        for name, (text, mended) in texts.items():
            store.transcripts.save(ids[4], text)
            (found,) = [problem for problem in check_dataset(workspace, store) if problem.name == name]
            mend_rows(workspace, workspace.config(), store, found)
            row = store.segments.get(ids[4])
            assert row is not None
            assert row.text == mended


@pytest.mark.parametrize("name", WRONG)
def test_each_text_problem_is_found_and_mended(good: tuple[Workspace, list[str]], name: str) -> None:
    workspace, ids = good
    text, mended = WRONG[name]
    with Store(workspace.db_path) as store:
        store.transcripts.save(ids[4], text)
        # What makes two of them odd: how the others are written.
        store.transcripts.save(ids[6], "這裡第七句說的是臺北和臺中的 Q 版")
        (found,) = [problem for problem in check_dataset(workspace, store) if problem.name == name]
        assert (found.rows, found.count, found.files) == ((ids[4],), 1, ())
        assert stage_for(store, found) is None
        mend_rows(workspace, workspace.config(), store, found)
        row = store.segments.get(ids[4])
        assert row is not None
        assert (row.text, row.review) == ((mended, "accepted") if mended else (text, "rejected"))
        left = {problem.name for problem in check_dataset(workspace, store)}
        # A character that was lost stays to be heard.
        assert left == ({"odd"} if name == "odd" else set())
        assert store.transcripts.undo() is not None
        row = store.segments.get(ids[4])
        assert row is not None
        assert (row.text, row.review, row.origin) == (text, "accepted", "human")


def test_copies_are_told_together_and_all_but_the_first_are_left_out(good: tuple[Workspace, list[str]]) -> None:
    workspace, ids = good
    other = with_segments(workspace, "other", 4, {1: GOOD[2] + "。", 2: "另外的一句話在這裡說了", 3: "對"})
    with Store(workspace.db_path) as store:
        # Neighbours may say the same, and so may anybody something so short.
        store.transcripts.save(ids[3], GOOD[2])
        store.transcripts.save(ids[9], "對")
        store.segments.set_digests({ids[0]: "ab" * 32, other[2]: "ab" * 32})
        found = {problem.name: problem for problem in check_dataset(workspace, store)}
        assert (found["same-text"].rows, found["same-text"].spoiling) == ((ids[2], other[1]), (other[1],))
        assert (found["same-audio"].rows, found["same-audio"].spoiling) == ((ids[0], other[2]), (other[2],))
        assert mend_rows(workspace, workspace.config(), store, found["same-text"]) == "1 row left out of training"
        assert [problem.name for problem in check_dataset(workspace, store)] == ["same-audio"]


def test_files_that_are_missing_or_nobodys(good: tuple[Workspace, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, ids = good
    (workspace.segments / "talk" / f"{ids[0]}.wav").unlink()
    (workspace.segments / "talk" / f"{ids[1]}.wav").write_bytes(b"RIFF")
    strange = workspace.segments / "talk" / "strange.wav"
    strange.write_bytes(b"RIFF" * 20)
    found = problems(workspace)
    assert (found["missing"].rows, found["extra"].files) == (tuple(ids[:2]), ("segments/talk/strange.wav",))
    with Store(workspace.db_path) as store:
        with pytest.raises(UserError, match="cannot be cut again"):
            stage_for(store, found["missing"])
        store.videos.update("talk", path="media/talk.mp4")
        assert stage_for(store, found["missing"]) == StageToRun("segment", {"ids": ["talk"]})
        told = mend_rows(workspace, workspace.config(), store, found["extra"])
        assert told == "0 files deleted; 1 file younger than 10 minutes kept: a job may be writing them"
        assert strange.exists()
        monkeypatch.setattr(mending, "SETTLED_S", 0)
        # One that a job has entered into the store since it was found.
        entered = f"segments/talk/{ids[2]}.wav"
        extra = dataclasses.replace(found["extra"], files=("segments/talk/gone.wav", *found["extra"].files, entered))
        assert mend_rows(workspace, workspace.config(), store, extra) == "1 file deleted"
    assert (strange.exists(), workspace.absolute(entered).exists()) == (False, True)


def test_a_leak_is_mended_by_splitting_again(good: tuple[Workspace, list[str]]) -> None:
    workspace, ids = good
    with Store(workspace.db_path) as store:
        store.segments.set_parts({ids[0]: "train", ids[1]: "test", ids[5]: "test"})
        found = {problem.name: problem for problem in check_dataset(workspace, store)}
        assert (list(found), found["leak"].rows) == (["leak"], (ids[1],))
        assert stage_for(store, found["leak"]) == StageToRun("split", {})


def test_kana_are_at_home_in_japanese(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    with_segments(workspace, "talk", 3, {0: "これは何ですか", 1: "今日は寒い", 2: "テレビを見る"})
    assert problems(workspace) == {}


def test_a_glossarys_words_stay(good: tuple[Workspace, list[str]]) -> None:
    workspace, ids = good
    workspace.glossary.write_text("吃饭\n", encoding="utf-8")
    with Store(workspace.db_path) as store:
        store.transcripts.save(ids[0], "我们去吃饭")
        (found,) = check_dataset(workspace, store)
        assert [change.after for change in rewritten(workspace, workspace.config(), store, found)] == ["我們去吃饭"]


def test_tokens_are_about_as_many_as_were_measured() -> None:
    assert 90 < tokens("字" * 100) < 96
    assert tokens("word " * 100) == pytest.approx(150)


def test_on_the_command_line(good: tuple[Workspace, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    workspace, ids = good
    whispersmith = caller(capsys)
    assert whispersmith("check-dataset", "-w", workspace.root)[::2] == (0, "nothing is wrong with what is accepted\n")
    with Store(workspace.db_path) as store:
        store.transcripts.save(ids[4], "看\u200b得見\ue000的字")
    code, out, _ = whispersmith("check-dataset", "-w", workspace.root, "--json")
    (told,) = json.loads(out)
    assert (code, told) == (
        1,
        {"problem": "odd", "what": KINDS["odd"][0], "count": 1, "segments": [ids[4]], "files": [], "mend": "rewrite"},
    )
    assert ids[4] in whispersmith("check-dataset", "-w", workspace.root)[1]
    rows = json.loads(whispersmith("segments", "-w", workspace.root, "--filter", "problem:odd", "--json")[1])
    assert [row["id"] for row in rows] == [ids[4]]
    # What is not wrong is no problem to ask for.
    assert whispersmith("segments", "-w", workspace.root, "--filter", "problem:kana")[0] == 3
    code, _, err = whispersmith("check-dataset", "-w", workspace.root, "--mend", "odd")
    assert (code, err.splitlines()[0]) == (0, "1 text rewritten")
    with Store(workspace.db_path) as store:
        assert [row.text for row in store.segments.all() if row.id == ids[4]] == ["看得見的字"]
