"""The model stage: bring a Whisper into the Hugging Face cache, or look at a local folder, and choose it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from core.config import Config, set_value
from core.errors import UserError
from core.jobs import Job
from core.models import problems
from core.models.download import download
from core.models.inspect import Inspection, inspect
from core.whisper.folders import ModelDamaged, ModelMissing, fetch_command
from core.workspace import Workspace

ROLES = ("base", "labeller")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID_OR_PATH")
    parser.add_argument("--role", choices=ROLES, help="default: both")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    # The job runs in the workspace; a relative folder may be meant from here.
    return {"id": arguments.id, "role": arguments.role, "cwd": str(Path.cwd())}


def report(result: dict[str, Any]) -> str:
    return "\n".join(f"{model['id']} is ready in {model['path']}" for model in result["models"])


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse a role that is none, a folder that is not there or holds no model, and what can be no model's id."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if (role := params.get("role")) and role not in ROLES:
        raise UserError(f"{role} is not a role", f"the roles are {' and '.join(ROLES)}", "--role base")
    asked = str(params.get("id") or "").strip()
    if not asked:
        return
    name = portable(plain_id(asked), workspace, params.get("cwd"))
    if is_folder(name, workspace):
        try:
            inspect(name, workspace.root, config.project.language)
        except UserError as error:
            raise _of_a_folder(name, error, workspace) from error
        return
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise problems.not_an_id(name) from error


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """params: id (a Hugging Face id, its address, or a folder; default: those in the settings), role (base, labeller
    or both), cwd (what a relative folder is meant from, beside the workspace).

    The model is looked at before it is written into the settings, and only an id that was given is. Returns, of the
    last model: id, roles, path, bytes, downloaded (whether anything was fetched), parameters, window_s, languages,
    generation_config (own or borrowed), notes; and `models`, the same of each.
    """
    roles = [job.params["role"]] if job.params.get("role") else list(ROLES)
    asked = str(job.params.get("id") or "").strip()
    names = [asked] if asked else list(dict.fromkeys(getattr(config.model, role) for role in roles))
    made = []
    for name in names:
        name = portable(plain_id(name), workspace, job.params.get("cwd"))
        found, fetched = ready(name, workspace, config, job)
        made.append({"roles": roles, "downloaded": fetched, **_result(name, found)})
        for note in found.notes:
            job.log(note)
        job.log(f"{name} is ready: {found.info.path}")
        for role in roles if asked else []:
            if getattr(config.model, role) != name:
                set_value(workspace.config_path, "model", role, name)
    return made[-1] | {"models": made}


def ready(name: str, workspace: Workspace, config: Config, job: Job) -> tuple[Inspection, bool]:
    """The model as it is here, or fetched; and whether it was fetched. What is here and whole asks no network."""
    language = config.project.language
    try:
        return inspect(name, workspace.root, language), False
    except UserError as error:
        if is_folder(name, workspace):
            raise _of_a_folder(name, error, workspace) from error
        if problems.is_offline():
            raise problems.offline(name, f"{error.what}: {error.why}") from error
    download(name, job)
    return inspect(name, workspace.root, language), True


def _result(name: str, found: Inspection) -> dict[str, Any]:
    info = found.info
    return {
        "id": name,
        "path": str(info.path),
        "bytes": info.bytes_on_disk,
        "parameters": info.parameters,
        "window_s": info.window_s,
        "languages": list(info.languages),
        "generation_config": "own" if found.own_generation_config else "borrowed",
        "notes": list(found.notes),
    }


def plain_id(name: str) -> str:
    """owner/name out of the address of a model's page."""
    address = re.match(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([^/\s]+/[^/\s?#]+)", name)
    return address[1] if address else name


def portable(name: str, workspace: Workspace, cwd: str | None = None) -> str:
    """A folder inside the workspace is named relative to it, so that the workspace can be moved."""
    given = Path(name).expanduser()
    for folder in (workspace.root / given, Path(cwd or ".") / given):
        if folder.is_dir():
            try:
                return workspace.relative(folder)
            except ValueError:
                return str(folder.resolve())
    return name


def is_folder(name: str, workspace: Workspace) -> bool:
    """Whether a folder is meant, be it there or not."""
    return name.startswith((".", "/", "~")) or (workspace.root / name).is_dir()


def _of_a_folder(name: str, error: UserError, workspace: Workspace) -> UserError:
    """What is wrong with a folder is not mended by a download, which is what the loader's words offer."""
    place = workspace.root / Path(name).expanduser()
    if place.is_file():
        why = "it is a file; a model is a folder with config.json and model.safetensors"
        return UserError(f"{name} is not a model", why, fetch_command(str(place.parent)))
    if not place.is_dir():
        return UserError(f"there is no folder {name}", "nothing of that name is there", "whispersmith model")
    if isinstance(error, ModelMissing | ModelDamaged):
        fix = "copy the folder again from where it came from, or choose another model: whispersmith model"
        return UserError(error.what, error.why, fix, error.detail)
    return error
