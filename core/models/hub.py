"""Asking the Hugging Face hub what a repository holds, and choosing the files that a Whisper needs."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass

from core.models.problems import no_safetensors

SMALL_FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "normalizer.json",
)
WEIGHTS, INDEX, PARTS = "model.safetensors", "model.safetensors.index.json", "model-?????-of-?????.safetensors"


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub has it. etag: what it is called among the cache's blobs, and its checksum: sha256 for a file
    in large storage, else git's own (sha1 of "blob <size>\\0" and the content)."""

    name: str
    size: int
    etag: str

    @property
    def is_weights(self) -> bool:
        return self.name.endswith(".safetensors")


@dataclass(frozen=True)
class RemoteModel:
    """The files of one commit that are needed, and no others."""

    id: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def weights(self) -> tuple[RemoteFile, ...]:
        return tuple(file for file in self.files if file.is_weights)

    @property
    def small(self) -> tuple[RemoteFile, ...]:
        return tuple(file for file in self.files if not file.is_weights)


def endpoint() -> str:
    """The hub's address: HF_ENDPOINT, for a mirror, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def list_remote(id: str) -> RemoteModel:
    """Ask the hub, in one request, for the files of a model, their sizes and checksums. Writes nothing.

    snapshot_download's own dry run asks once for every file and already moves the cache's `main` to the new commit,
    so that a model that was whole would count as missing until the download has ended.
    """
    from huggingface_hub import HfApi

    info = HfApi(endpoint=endpoint()).model_info(id, files_metadata=True, timeout=20)
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or []}
    files = []
    for name in needed(id, list(siblings)):
        one = siblings[name]
        etag = one.lfs.sha256 if one.lfs is not None else one.blob_id
        size = one.lfs.size if one.lfs is not None else one.size
        files.append(RemoteFile(name, int(size or 0), str(etag or "")))
    return RemoteModel(id, str(info.sha), tuple(files))


def needed(id: str, names: list[str]) -> list[str]:
    """The files to fetch: one set of safetensors weights and what belongs to it. UserError if there is none.

    Never pickles, and no second set: openai/whisper-large-v3 holds its weights in fp32 again, 6 GB, in
    model.fp32-*.safetensors.
    """
    parts = sorted(fnmatch.filter(names, PARTS)) if INDEX in names else []
    weights = [WEIGHTS] if WEIGHTS in names else parts
    if not weights:
        raise no_safetensors(id, names)
    index = [INDEX] if weights != [WEIGHTS] else []
    return [name for name in SMALL_FILES if name in names] + index + weights
