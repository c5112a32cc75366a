"""What can go wrong with a model, in a person's words: what, why, and what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from core.errors import UserError
from core.models.suggested import nearest
from core.text import clean
from core.whisper.folders import fetch_command

AGAIN = "try again: it goes on where it was"


def is_offline() -> bool:
    """Whether the person has forbidden the network to Hugging Face's libraries."""
    return any(
        os.environ.get(name, "").strip().upper() in ("1", "ON", "YES", "TRUE")
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )


def offline(name: str, because: str = "") -> UserError:
    """because: what is wrong with what is here, if anything is."""
    variable = "HF_HUB_OFFLINE" if os.environ.get("HF_HUB_OFFLINE") else "TRANSFORMERS_OFFLINE"
    return UserError(
        f"{name} is not here, and the network is switched off",
        f"{variable} is set, and {because or 'the model is not whole in the Hugging Face cache'}",
        f"{variable}=0 {fetch_command(name)}",
    )


def not_an_id(name: str) -> UserError:
    meant = nearest(name)
    return UserError(
        f"{clean(name)} is not a model id",
        "an id is owner/name, for example openai/whisper-small; no such folder is here either",
        fetch_command(meant or "openai/whisper-small"),
    )


def missing(name: str, detail: str = "") -> UserError:
    meant = nearest(name)
    why = f"the id is misspelt; perhaps {meant} is meant" if meant else "the id is misspelt, or the model is private"
    look = f"look it up: https://huggingface.co/models?search={name.rpartition('/')[2]}; private: hf auth login"
    return UserError(f"there is no model {name} on the hub", why, fetch_command(meant) if meant else look, detail)


def gated(name: str, detail: str = "") -> UserError:
    return UserError(
        f"{name} is gated",
        "its owner asks for an agreement first",
        f"accept it at https://huggingface.co/{name}, then: hf auth login",
        detail,
    )


def no_safetensors(name: str, files: list[str]) -> UserError:
    """The repository or folder holds weights, but none that can be read without running code."""
    pickled = any(file.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl")) for file in files)
    other = next((kind for mark, kind in FOREIGN.items() if any(file.endswith(mark) for file in files)), "")
    if other:
        why = f"it holds {other}, made for another program"
    elif pickled:
        why = "it has only pickled weights, which can run code when they are read"
    else:
        why = "there is no model.safetensors in it"
    return UserError(f"{name} cannot be used", why, "choose a model with safetensors weights, see: whispersmith model")


FOREIGN = {
    "vocabulary.json": "CTranslate2 weights (faster-whisper)",
    "vocabulary.txt": "CTranslate2 weights (faster-whisper)",
    ".gguf": "GGUF weights",
    ".msgpack": "weights for Flax",
    ".h5": "weights for TensorFlow",
    ".onnx": "ONNX weights",
}


def not_a_whisper(name: str, kind: object) -> UserError:
    return UserError(
        f"{name} is not a Whisper model",
        f"its config.json says model_type {kind!r}",
        "choose a Whisper: whispersmith model openai/whisper-small",
    )


def no_room(name: str, need: int, free: int, folder: Path) -> UserError:
    return UserError(
        f"there is no room for {name}",
        f"{_size(need)} are still to come, {_size(free)} are free in {folder}",
        f"free {_size(max(need - free, 1_000_000))} there, or choose another place: export HF_HOME=/a/bigger/disk",
    )


def damaged(name: str, file: str) -> UserError:
    return UserError(
        f"{file} of {name} is damaged",
        "what arrived is not what the hub promised: the checksum is wrong; it was thrown away",
        f"{fetch_command(name)}; if it comes again, a proxy or the disk changes the bytes",
    )


def unreachable(name: str, endpoint: str, detail: str = "") -> UserError:
    return UserError(
        f"{name} could not be downloaded",
        f"{endpoint} cannot be reached: {clean(detail, 200) or 'no answer'}",
        f"check the network (HTTPS_PROXY, HF_ENDPOINT), then {AGAIN}",
        detail,
    )


def explain(error: Exception, name: str, endpoint: str) -> UserError:
    """What huggingface_hub or the operating system raised, in words. The person's own errors pass through."""
    from huggingface_hub import errors as hub

    if isinstance(error, UserError):
        return error
    text = " ".join(str(error).split())
    if isinstance(error, hub.LocalEntryNotFoundError):
        cause = error.__cause__
        return explain(cause, name, endpoint) if isinstance(cause, Exception) else unreachable(name, endpoint, text)
    if isinstance(error, hub.HFValidationError):
        return not_an_id(name)
    if isinstance(error, hub.OfflineModeIsEnabled):
        return offline(name)
    if isinstance(error, hub.GatedRepoError):
        return gated(name, text)
    if isinstance(error, (hub.RepositoryNotFoundError, hub.RevisionNotFoundError)):
        return missing(name, text)
    if isinstance(error, hub.FileMetadataError):
        why, fix = f"{endpoint} answers, but not as a hub does", f"check HF_ENDPOINT and HTTPS_PROXY, then {AGAIN}"
        return UserError(f"{name} could not be downloaded", why, fix, text)
    if isinstance(error, hub.HfHubHTTPError):
        # Strangers are told 401 for what does not exist; only this message means a token that is wrong.
        about_token = "Invalid credentials" in error.response.headers.get("X-Error-Message", "")
        if error.response.status_code == 401 and not about_token:
            return missing(name, text)
        return _refused(error.response.status_code, name, endpoint, text)
    if isinstance(error, OSError) and error.errno is not None:
        return _disk(error, name)
    return unreachable(name, endpoint, text or type(error).__name__)


def _refused(status: int, name: str, endpoint: str, text: str) -> UserError:
    what = f"{name} could not be downloaded"
    if status == 401:
        why = f"{endpoint} does not know your token"
        return UserError(what, why, "hf auth login (and look whether HF_TOKEN holds an old one)", text)
    if status == 403:
        why = f"{endpoint} does not let your token read it"
        return UserError(what, why, f"look at https://huggingface.co/{name}, then: hf auth login", text)
    if status == 429:
        why = f"{endpoint} says: too many requests"
        return UserError(what, why, f"wait some minutes, then {AGAIN}; hf auth login raises the limit", text)
    if status >= 500:
        why = f"{endpoint} has trouble of its own (HTTP {status})"
        return UserError(what, why, f"wait some minutes, then {AGAIN}", text)
    why = f"{endpoint} answered HTTP {status}"
    return UserError(what, f"{why}: {clean(text, 200)}", f"check HF_ENDPOINT, then {AGAIN}", text)


def _disk(error: OSError, name: str) -> UserError:
    place = error.filename or "the Hugging Face cache"
    if error.errno == errno.ENOSPC:
        fix = f"free some room, then {AGAIN}; or choose another place: export HF_HOME=/a/bigger/disk"
        return UserError(f"{name} could not be downloaded", "the disk is full", fix, str(error))
    return UserError(
        f"{name} could not be downloaded",
        f"{place}: {error.strerror or error}",
        "make it writable, or choose another place: export HF_HOME=/a/folder/of/yours",
        str(error),
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 0) / 1e6:.0f} MB"
