"""Everything that can go wrong with a model is said with what, why and a fix, and changes no setting."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from core.errors import UserError
from core.models import problems
from core.models.suggested import nearest
from core.whisper.folders import fetch_command
from tests.core.model_kit import ID, WEIGHTS, Place, place, rewrite

__all__ = ["place"]


def refused(place: Place, id: str = ID) -> UserError:
    with pytest.raises(UserError) as caught:
        place.get(id)
    error = caught.value
    assert all((error.what, error.why, error.fix)), error
    assert place.unchanged()
    return error


def test_gated(place: Place) -> None:
    place.repository.gated = True
    error = refused(place)
    assert "is gated" in error.what
    assert "hf auth login" in error.fix
    assert f"https://huggingface.co/{ID}" in error.fix


def test_missing(place: Place) -> None:
    error = refused(place, "someone/else")
    assert error.what == "there is no model someone/else on the hub"
    assert "https://huggingface.co/models?search=else" in error.fix


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("openai/wisper-small", "openai/whisper-small"),
        ("openai/whisper-large-v3-tubo", "openai/whisper-large-v3-turbo"),
        ("ADT109119/whisper-small-zhTW", "ADT109119/whisper-small-zh-TW"),
        ("mediatek-research/breeze-asr-25", "MediaTek-Research/Breeze-ASR-25"),
        ("whisper-tiny", "openai/whisper-tiny"),
        ("medium", "openai/whisper-medium"),
    ],
)
def test_misspelt(place: Place, typed: str, meant: str) -> None:
    error = refused(place, typed)
    assert meant in error.why
    assert error.fix == f"whispersmith model {meant}"


def test_what_resembles_nothing_is_not_guessed_at() -> None:
    assert nearest("facebook/wav2vec2-base") is None


def test_not_an_id(place: Place) -> None:
    error = refused(place, "three/part/name")
    assert "is not a model id" in error.what
    assert place.hub.asked() == 0


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_by_wish(place: Place, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")
    error = refused(place)
    assert variable in error.why
    assert error.fix == f"{variable}=0 whispersmith model {ID}"
    assert place.hub.asked() == 0
    monkeypatch.delenv(variable)
    place.get()
    monkeypatch.setenv(variable, "1")
    assert not place.get()["downloaded"]
    place.blob.write_bytes(b"")
    with pytest.raises(UserError) as caught:
        place.get()
    assert "is broken" in caught.value.why
    assert caught.value.fix == f"{variable}=0 whispersmith model {ID}"


def test_unreachable(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    error = refused(place)
    assert "cannot be reached" in error.why
    assert "HTTPS_PROXY" in error.fix


def test_a_hub_that_is_busy_is_asked_again(place: Place) -> None:
    place.repository.busy = (429, 2)
    assert place.get()["downloaded"]


@pytest.mark.parametrize(("status", "says"), [(429, "too many requests"), (503, "HTTP 503")])
def test_a_hub_that_stays_busy(place: Place, status: int, says: str) -> None:
    place.repository.busy = (status, 1000)
    error = refused(place)
    assert says in error.why
    assert "it goes on where it was" in error.fix


def test_a_token_that_is_no_longer_valid(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    error = refused(place)
    assert "does not know your token" in error.why
    assert "hf auth login" in error.fix


def test_forbidden(place: Place) -> None:
    place.repository.refuse = 403
    assert "token" in refused(place).why


def test_not_a_whisper_is_seen_before_the_weights_come(place: Place) -> None:
    rewrite(place.repository.folder / "config.json", model_type="wav2vec2")
    error = refused(place)
    assert "not a Whisper" in error.what
    assert "wav2vec2" in error.why
    assert not place.sent()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["pytorch_model.bin"], "pickled weights"),
        (["model.bin", "vocabulary.json"], "CTranslate2"),
        (["whisper-q5.gguf"], "GGUF"),
        ([], "no model.safetensors"),
    ],
)
def test_weights_that_cannot_be_read_safely(place: Place, files: list[str], says: str) -> None:
    folder = place.repository.folder
    (folder / WEIGHTS).unlink()
    for name in files:
        (folder / name).write_bytes(b"\x80\x04.")
    error = refused(place)
    assert "cannot be used" in error.what
    assert says in error.why
    assert place.hub.asked() == place.hub.asked("info") == 1


def test_a_part_that_is_missing_is_named(place: Place) -> None:
    for name in ("tokenizer.json", "vocab.json"):
        (place.repository.folder / name).unlink()
    error = refused(place)
    assert "lacks a tokenizer" in error.what
    assert "openai/whisper-small" in error.fix


def test_a_full_disk_and_a_closed_one() -> None:
    full = problems.explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ID, "http://x")
    assert "disk is full" in full.why
    closed = problems.explain(PermissionError(errno.EACCES, "Permission denied", "/cache"), ID, "http://x")
    assert "/cache" in closed.why
    assert "HF_HOME" in closed.fix


def test_the_cache_is_a_file(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))
    error = refused(place)
    assert "HF_HOME" in error.fix


def test_a_name_with_signs_is_quoted_in_the_command() -> None:
    assert fetch_command("my models/one") == "whispersmith model 'my models/one'"
