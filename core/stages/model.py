"""The model stage: bring a Whisper into the Hugging Face cache, or check a local folder, and choose it."""

from __future__ import annotations

from typing import Any

from core.config import Config, set_value
from core.errors import UserError
from core.jobs import Job
from core.text import clean
from core.workspace import Workspace

ROLES = ("base", "labeller")
PATTERNS = ["*.json", "*.txt", "*.safetensors", "*.model"]
"""What a Whisper needs. Never pickles (*.bin), never weights of other frameworks."""


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """params: id (a Hugging Face id or a folder; default: the one in the settings), role (base, labeller or both).

    The model is checked before it is written into the settings. Returns id, roles, path and bytes.
    """
    from core.whisper.loading import describe

    roles = [job.params["role"]] if job.params.get("role") else list(ROLES)
    for role in roles:
        if role not in ROLES:
            raise UserError(f"{role} is not a role", f"the roles are {' and '.join(ROLES)}", "--role base")
    names = [job.params["id"]] if job.params.get("id") else sorted({getattr(config.model, role) for role in roles})
    result: dict[str, Any] = {"roles": roles}
    for name in names:
        name = portable(name, workspace)
        try:
            info = describe(name, workspace.root)
        except UserError:
            if is_folder(name, workspace):
                raise
            download(name, job)
            info = describe(name, workspace.root)
        job.log(f"{name} is ready: {info.path}")
        result |= {"id": name, "path": str(info.path), "bytes": info.bytes_on_disk, "window_s": info.window_s}
        for role in roles if job.params.get("id") else []:
            if getattr(config.model, role) != name:
                set_value(workspace.config_path, "model", role, name)
    return result


def portable(name: str, workspace: Workspace) -> str:
    """A folder inside the workspace is named relative to it, so that the workspace can be moved."""
    from pathlib import Path

    path = Path(name).expanduser()
    if not path.is_dir():
        return name
    try:
        return workspace.relative(path)
    except ValueError:
        return str(path.resolve())


def is_folder(name: str, workspace: Workspace) -> bool:
    return name.startswith((".", "/", "~")) or (workspace.root / name).is_dir()


def download(name: str, job: Job) -> None:
    """Fetch the files of a model into the cache; what is there already is not fetched again."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    job.log(f"downloading {name}")
    try:
        snapshot_download(name, allow_patterns=PATTERNS, tqdm_class=progress_bar(job, name), max_workers=4)
    except HFValidationError as error:
        raise UserError(
            f"{clean(name)} is not a model id",
            "an id is owner/name, for example openai/whisper-small; no such folder is here either",
            "whispersmith model openai/whisper-small",
            str(error),
        ) from error
    except GatedRepoError as error:
        raise UserError(
            f"{name} is gated",
            "its owner asks for an agreement",
            f"accept it at https://huggingface.co/{name}, then: hf auth login",
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"there is no model {name} on the hub",
            "the id is misspelt, or the model is private",
            f"look it up: https://huggingface.co/models?search={name.rpartition('/')[2]}",
        ) from error
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"{name} could not be downloaded",
            clean(str(error.__cause__ or error)) or "the hub cannot be reached",
            "check the network (HTTPS_PROXY, HF_ENDPOINT, HF_HUB_OFFLINE), then try again: it goes on where it was",
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise UserError(
            f"{name} could not be downloaded", clean(str(error)), "try again: it goes on where it was"
        ) from error


def progress_bar(job: Job, name: str) -> type:
    """A tqdm that draws nothing and speaks through the event log; it also ends the download on a cancel."""
    from tqdm.auto import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            self.counts_bytes = kwargs.get("unit") == "B"
            kwargs["disable"] = False
            kwargs["file"] = _Nowhere()
            super().__init__(*args, **kwargs)

        def display(self, *args: Any, **kwargs: Any) -> None:
            return None

        def update(self, n: float | None = 1) -> bool | None:
            job.check()
            shown = super().update(n)
            if self.counts_bytes:
                job.progress(self.n, self.total or None, "B", name)
            return shown

    return Bar


class _Nowhere:
    def write(self, _: str) -> int:
        return 0

    def flush(self) -> None:
        return None
