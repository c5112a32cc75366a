"""The folder a person works in: its paths, making one, opening one. Everything inside is relative."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core import config as settings
from core import config_template
from core.config import Config
from core.errors import UserError, of_os_error
from core.files import write_private
from core.redaction import redact
from core.text import clean
from core.vault import Vault

CONFIG_NAME = "whispersmith.toml"

LONGEST_LINE = 20_000
"""Characters of a line in logs/log.txt: a traceback is one."""


@dataclass(frozen=True)
class Workspace:
    """Paths of one workspace. Make it with `create` or `open_workspace`."""

    root: Path

    @property
    def config_path(self) -> Path:
        return self.root / CONFIG_NAME

    @property
    def db_path(self) -> Path:
        return self.root / "whispersmith.db"

    @property
    def glossary(self) -> Path:
        """Names and terms as they are to be written; a person makes it, or does not."""
        return self.root / "glossary.txt"

    @cached_property
    def vault(self) -> Vault:
        """Passwords and tokens of links, apart from everything else."""
        return Vault(self.root / "secrets.jsonl")

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def partial(self) -> Path:
        return self.root / "media" / ".partial"

    @property
    def segments(self) -> Path:
        return self.root / "segments"

    @property
    def dataset(self) -> Path:
        return self.root / "dataset"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def jobs(self) -> Path:
        return self.root / "logs" / "jobs"

    @property
    def log_file(self) -> Path:
        return self.root / "logs" / "log.txt"

    @property
    def own_folders(self) -> tuple[Path, ...]:
        """The folders that stages write; everything else in the workspace is the person's."""
        return self.media, self.segments, self.dataset, self.models, self.logs

    @property
    def name(self) -> str:
        return self.root.resolve().name

    def config(self) -> Config:
        return settings.load(self.config_path)

    def relative(self, path: Path) -> str:
        """The path as it is stored: relative to the workspace, with forward slashes."""
        return path.resolve().relative_to(self.root.resolve()).as_posix()

    def absolute(self, stored: str) -> Path:
        return self.root / stored

    def find(self, text: str) -> Path:
        """What a person means by a path: as it is from here, else inside the workspace. It need not be there."""
        path = Path(text.strip()).expanduser()
        if not path.is_absolute() and not path.exists():
            path = self.root / path
        return path.absolute()

    def log(self, text: str, stage: str = "app") -> bool:
        """One human-readable line in logs/log.txt, without secrets and controls: in one append.

        False where it cannot be written, as on a full disk: what is to be noted has happened all the same.
        """
        flat = clean(redact(text), LONGEST_LINE)
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {stage}: {flat}\n".encode("utf-8", "replace")
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                return os.write(descriptor, line) == len(line)
            finally:
                os.close(descriptor)
        except OSError:
            return False


def is_workspace(folder: Path) -> bool:
    """Whether the settings are there, in whatever state: what is wrong with them is told by `open_workspace`."""
    return os.path.lexists(folder / CONFIG_NAME)


def create(folder: Path, *, config_text: str | None = None) -> Workspace:
    """Make a workspace in `folder` (made if it is not there). An existing one is left as it is."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file", "a workspace is a folder", "choose another name")
    workspace = Workspace(folder)
    try:
        for part in (folder, workspace.media, workspace.segments, workspace.models, workspace.jobs):
            part.mkdir(parents=True, exist_ok=True)
        if not is_workspace(folder):
            write_private(workspace.config_path, config_text or config_template.template())
    except OSError as error:
        raise of_os_error(error, f"{folder} cannot be written", "try again, or choose a folder of your own") from error
    return workspace


def open_workspace(folder: Path) -> Workspace:
    """The workspace in `folder`, its settings checked. UserError if the folder is none."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder", "nothing of that name is there", f"whispersmith init {folder}")
    if not is_workspace(folder):
        raise UserError(
            f"{folder.resolve()} is not a workspace",
            f"there is no {CONFIG_NAME} in it",
            f"whispersmith init {folder}",
        )
    workspace = Workspace(folder)
    workspace.config()
    return workspace
