"""Names of files that are no UTF-8, in every folder of a workspace: each command goes on and prints text."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from core.workspace import Workspace, create
from tests.core.cli_kit import caller
from tests.core.whisper_kit import toy

NAME = os.fsdecode(b"v\xff")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = create(tmp_path / "w")
    shutil.copytree(toy(), made.models / NAME)
    (made.models / f"run{NAME}").mkdir()
    (made.models / f"run{NAME}" / "run.json").write_text("{}")
    for folder in (made.jobs, made.segments, made.root / "media"):
        (folder / NAME).mkdir(parents=True)
    (made.root / "media" / f"{NAME}.mp4").write_bytes(b"x")
    (made.root / "media" / f"{NAME}.json").write_text("{}")
    (made.segments / NAME / f"{NAME}_0_10.wav").write_bytes(b"RIFF")
    return made


@pytest.mark.parametrize(
    "command",
    ["status", "jobs", "videos", "segments", "model", "plan", "repair", "transcript", "check-dataset", "export"],
)
def test_names_that_are_no_utf_8_take_no_command_down(
    workspace: Workspace, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = caller(capsys)
    for arguments in ([command], [command, "--json"]):
        code, out, err = call("-w", workspace.root, *arguments)
        assert "Traceback" not in err
        (out + err).encode()  # no half character
        if arguments[1:] and code == 0 and out:
            json.loads(out)


def test_a_model_of_such_a_name_is_a_row(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = caller(capsys)("-w", workspace.root, "model", "--json")
    assert code == 0
    assert any("v\\xff" in row["id"] for row in json.loads(out))
