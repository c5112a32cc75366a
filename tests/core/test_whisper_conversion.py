"""A converted model: whole or not there, found again by its weights, made once whoever asks."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest

from core.errors import UserError
from core.jobs import Cancelled
from core.whisper import conversion
from core.whisper.conversion import converted
from core.whisper.info import describe
from tests.core.whisper_kit import toy, toy_copy


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)


def folders(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache" / "whispersmith").iterdir() if path.is_dir())


def test_a_model_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = converted(describe(str(toy(2.0))))
    assert {"model.bin", "config.json", "tokenizer.json", "preprocessor_config.json"} <= {
        p.name for p in folder.iterdir()
    }
    assert json.loads((folder / "preprocessor_config.json").read_text())["chunk_length"] == 2
    monkeypatch.setattr(conversion, "_convert", lambda *_: pytest.fail("converted again"))
    assert converted(describe(str(toy(2.0)))) == folder
    assert converted(describe(str(toy_copy(tmp_path / "elsewhere", 2.0)))) == folder  # the same weights
    assert folders(tmp_path) == [folder.name]


def test_other_weights_or_settings_are_another_model(tmp_path: Path) -> None:
    first = converted(describe(str(toy(2.0))))
    other = toy_copy(tmp_path / "other", 2.0)
    settings = other / "generation_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"alignment_heads": [[0, 0]]}))
    second = converted(describe(str(other)))
    assert second != first
    assert json.loads((second / "config.json").read_text())["alignment_heads"] == [[0, 0]]


def convert_and_die(model: str) -> None:
    """As killed while the converted model is being written."""
    from core.whisper import conversion as here

    def die(path: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    here.os.fsync = die  # type: ignore[assignment]
    converted(describe(model))


def test_what_a_kill_left_is_not_taken_for_a_model(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=convert_and_die, args=(str(toy(2.0)),))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    (left,) = folders(tmp_path)
    assert left.startswith(".")
    folder = converted(describe(str(toy(2.0))))
    assert folders(tmp_path) == [folder.name]  # and what was left is cleared


def test_a_folder_that_lost_its_weights_is_converted_anew(tmp_path: Path) -> None:
    folder = converted(describe(str(toy(2.0))))
    (folder / "model.bin").unlink()
    assert converted(describe(str(toy(2.0)))) == folder
    assert (folder / "model.bin").is_file()


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot be written"):
        converted(describe(str(toy(2.0))))


def test_waiting_for_another_process_can_be_broken_off(tmp_path: Path) -> None:
    model = describe(str(toy(2.0)))
    folder = converted(model)
    lock = conversion.acquire(folder.with_suffix(".lock"))
    shutil.rmtree(folder)

    def check() -> None:
        raise Cancelled

    assert lock is not None
    with pytest.raises(Cancelled):
        converted(model, check)
    lock.release()
