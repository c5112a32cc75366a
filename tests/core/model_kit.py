"""A loopback hub with a toy Whisper, a cache of its own for each test, and the model stage run against both."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import workspace as workspaces
from core.models import download as downloading
from core.stages import model as stage
from core.whisper.folders import repository_folder
from core.workspace import Workspace
from tests.core.whisper_kit import toy_copy
from tests.fakes.hub import Hub, Repository, etag
from tests.fakes.stage import Run, start

ID = "someone/toy"
WEIGHTS = "model.safetensors"


def isolate(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A cache of this test's own, for this process and those it starts; and no address that leads out."""
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(folder))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setattr(downloading, "RETRY_WAITS_S", (0.01,) * 5)


class Place:
    """A hub, a workspace, and what the stage made of them."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.hub = hub
        self.workspace: Workspace = workspaces.create(folder / "ws")
        self.settings = self.workspace.config_path.read_text(encoding="utf-8")

    @property
    def repository(self) -> Repository:
        return self.hub.repositories[ID]

    @property
    def size(self) -> int:
        return len(self.repository.files[WEIGHTS])

    @property
    def partial(self) -> Path:
        """Where the weights lie until they are whole."""
        name = etag(WEIGHTS, self.repository.files[WEIGHTS])
        return repository_folder(ID) / "blobs" / f"{name}.incomplete"

    @property
    def blob(self) -> Path:
        return self.partial.with_name(self.partial.name.removesuffix(".incomplete"))

    def begin(self, **params: Any) -> Run:
        return start(self.workspace, "model", params)

    def run(self, run: Run) -> dict[str, Any]:
        config = self.workspace.config()
        stage.check_params(self.workspace, config, run.job.params)
        return stage.run(self.workspace, config, run.job)

    def get(self, id: str = ID, **params: Any) -> dict[str, Any]:
        return self.run(self.begin(id=id, **params))

    def unchanged(self) -> bool:
        return self.workspace.config_path.read_text(encoding="utf-8") == self.settings

    def sent(self) -> list[tuple[int, int]]:
        return self.hub.sent(ID, WEIGHTS)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    isolate(monkeypatch, tmp_path / "hf")
    repository = Repository(toy_copy(tmp_path / "toy", 2.0))
    with Hub({ID: repository}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield Place(tmp_path, hub)


def rewrite(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file; None takes one away."""
    data = json.loads(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        data.pop(key, None) if value is None else data.update({key: value})
    path.write_text(json.dumps(data), encoding="utf-8")


def spoil(path: Path) -> None:
    """Change a byte in the middle; the length stays."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2, os.SEEK_SET)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 255]))
