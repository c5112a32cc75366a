"""A backup is one file that makes a workspace again, and is there whole or as it was before."""

from __future__ import annotations

import json
import tarfile
import threading
from pathlib import Path

import pytest

from core.errors import UserError
from core.recovery import backup as backup_room
from core.recovery.backup import backup
from core.store import Store
from core.workspace import Workspace, create, open_workspace
from tests.core.cli_kit import caller
from tests.core.store_kit import fill, machine, text_of


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = create(tmp_path / "w")
    with Store(made.db_path) as store:
        ids = fill(store, 50)
        machine(store, *ids)
        store.transcripts.save(ids[0], "人寫的")
    made.glossary.write_text("名\n", encoding="utf-8")
    (made.media / "talk.mp4").write_bytes(b"\x00" * 10_000)
    return made


def test_a_workspace_is_restored_from_its_backup(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "kept.tar.gz"
    # While an app has it open, and with edits that have not come into the file yet.
    with Store(workspace.db_path) as store:
        store.transcripts.review("talk_8_18", "rejected")
        code, out, _ = caller(capsys)("backup", target, "--json", "-w", workspace.root)
        assert code == 0
        store.transcripts.save("talk_16_26", "備份之後")
        code, said, _ = caller(capsys)("backup", target, "-w", workspace.root)
        assert (code, str(target) in said) == (0, True)
    told = json.loads(out)
    assert set(told["files"]) == {"whispersmith.toml", "whispersmith.db", "edits.jsonl", "glossary.txt"}
    assert target.stat().st_mode & 0o777 == 0o600
    with tarfile.open(target) as tar:
        tar.extractall(tmp_path / "restored", filter="data")
    restored = open_workspace(tmp_path / "restored")
    with Store(restored.db_path) as store:
        assert text_of(store, "talk_0_10") == ("人寫的", "human", "accepted")
        assert text_of(store, "talk_8_18")[2] == "rejected"
        assert text_of(store, "talk_16_26")[0] == "備份之後"
        assert store.transcripts.undo("talk_0_10") is not None
        assert len(store.segments.all()) == 50
    assert restored.glossary.read_text(encoding="utf-8") == "名\n"
    assert not list(tmp_path.glob(".kept*"))


def test_what_others_write_meanwhile_is_whole_in_it_or_not_at_all(workspace: Workspace, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with Store(workspace.db_path) as store:
            number = 0
            while not stop.is_set():
                number += 1
                store.transcripts.save("talk_0_10", f"第{number}次")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            backup(workspace, tmp_path / f"{number}.tar.gz")
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        with tarfile.open(tmp_path / f"{number}.tar.gz") as tar:
            tar.extractall(tmp_path / str(number), filter="data")
        with Store(tmp_path / str(number) / "whispersmith.db") as store:
            store.check_whole()
            history = [edit["after"]["text"] for edit in store.transcripts.history("talk_0_10") if edit["after"]]
            assert text_of(store, "talk_0_10")[0] == history[-1]


def test_a_backup_that_fails_leaves_the_one_before(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "kept.tar.gz"
    backup(workspace, target)
    before = target.read_bytes()

    def full(archive: Path, files: object) -> None:
        archive.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup_room, "_write", full)
    with pytest.raises(UserError, match="could not be written") as told:
        backup(workspace, target)
    assert "room" in told.value.fix
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".kept*"))


@pytest.mark.parametrize("content", [b"", b"a film", b"\x1f\x8b\x08\x00 nearly gzip"], ids=["empty", "other", "gzip"])
def test_no_other_file_is_written_over(workspace: Workspace, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "talk.mp4"
    target.write_bytes(content)
    with pytest.raises(UserError, match="something else"):
        backup(workspace, target)
    with pytest.raises(UserError, match="is a folder"):
        backup(workspace, tmp_path)
    assert target.read_bytes() == content
