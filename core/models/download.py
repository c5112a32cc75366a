"""Bringing a model into the Hugging Face cache: safetensors only, resumable at any byte, checked before it counts.

The small files come through huggingface_hub's snapshot_download. The weights come through its HTTP client into the
cache's own place, since snapshot_download (2.x) begins a file anew after a cut: it writes to a name that only its
process knows and removes it on an error, and a killed process leaves an orphan. Here the part that has come stays in
`blobs/<etag>.incomplete`, and the next attempt asks for the rest. Only when every file is there and its checksum is
right does the cache's `main` point to the new commit, so a model that worked works until the new one does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core.errors import UserError
from core.files import write_text
from core.jobs import Job, lock
from core.models import problems
from core.models.download_progress import DownloadProgress
from core.models.hub import RemoteFile, RemoteModel, endpoint, list_remote
from core.whisper.folders import cache_folder, repository_folder
from core.whisper.model_files import model_type

Result = TypeVar("Result")

RETRY_WAITS_S: tuple[float, ...] = (1, 2, 4, 8, 15)
"""Pauses before asking again, as long as nothing comes; counted anew whenever bytes have come."""

TIMEOUT_S = 20.0
"""How long the hub may be silent before the request is given up and made again."""

RESERVE_BYTES = 100_000_000
LARGE_BYTES = 500_000_000
READ_BYTES = 1 << 20


def download(name: str, job: Job) -> Path:
    """Fetch what is missing of a model and return its folder in the cache. UserError with what, why and fix.

    Nothing that is here and right is fetched again; what is here and wrong is. Raises Cancelled within a moment.
    """
    if problems.is_offline():
        raise problems.offline(name)
    job.log(f"asking {endpoint()} for {name}")
    try:
        remote = _with_retries(lambda: list_remote(name), job)
        return _download(remote, job)
    except UserError:
        raise
    except Exception as error:
        # Cancelled is the job's own; what is no network, hub or disk trouble is a fault of ours and is not explained.
        from huggingface_hub.errors import HFValidationError

        if isinstance(error, (OSError, HFValidationError)) or _is_network(error):
            raise problems.explain(error, name, endpoint()) from error
        raise


def _download(remote: RemoteModel, job: Job) -> Path:
    here = {file.name: _bytes_here(remote, file) for file in remote.files}
    progress = DownloadProgress(job, remote.bytes, sum(here.values()))
    check_room(remote.id, remote.bytes - progress.done)
    job.log(f"{remote.id}: {_mb(remote.bytes)} MB, {_mb(progress.done)} MB of them are here")
    for file in remote.files:
        _remove_orphans(remote, file)
        _remove_damaged(remote, file, progress, job)
    folder = _snapshot(remote, remote.small, progress)
    for file in remote.small:
        if not _is_right(folder / file.name, file, job):
            _remove(remote, file)
            raise problems.damaged(remote.id, file.name)
    if (kind := model_type(folder)) != "whisper":
        raise problems.not_a_whisper(remote.id, kind)
    for file in remote.weights:
        _fetch(remote, file, progress, job)
    folder = _snapshot(remote, remote.files, progress)
    _set_main(remote)
    return folder


def _set_main(remote: RemoteModel) -> None:
    """Let the cache's `main` be this commit. Written outside refs/, where every file is taken for a reference."""
    reference = repository_folder(remote.id) / "refs" / "main"
    reference.parent.mkdir(parents=True, exist_ok=True)
    new = reference.parent.with_name("main.new")
    write_text(new, remote.commit)
    os.replace(new, reference)


def check_room(name: str, need: int) -> None:
    """UserError if the disk of the cache cannot take `need` more bytes and a little reserve."""
    folder = cache_folder()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if need > 0 and need + RESERVE_BYTES > free:
        raise problems.no_room(name, need + RESERVE_BYTES, free, folder)


# -- where a file lies: blobs/<etag>, and a link to it in snapshots/<commit>/


def _blob(remote: RemoteModel, file: RemoteFile) -> Path:
    return repository_folder(remote.id) / "blobs" / file.etag


def _partial(remote: RemoteModel, file: RemoteFile) -> Path:
    return repository_folder(remote.id) / "blobs" / f"{file.etag}.incomplete"


def _link(remote: RemoteModel, file: RemoteFile) -> Path:
    return repository_folder(remote.id) / "snapshots" / remote.commit / file.name


def _bytes_here(remote: RemoteModel, file: RemoteFile) -> int:
    """How many of a file's bytes are here."""
    for place in (_blob(remote, file), _link(remote, file)):
        if place.is_file():
            return file.size
    partial = _partial(remote, file)
    return min(partial.stat().st_size, file.size) if partial.is_file() else 0


def _remove(remote: RemoteModel, file: RemoteFile) -> None:
    for place in (_link(remote, file), _blob(remote, file)):
        place.unlink(missing_ok=True)


def _remove_damaged(remote: RemoteModel, file: RemoteFile, progress: DownloadProgress, job: Job) -> None:
    """Throw away what an earlier download, of whatever program, left damaged: it would never be fetched again."""
    place = next((one for one in (_blob(remote, file), _link(remote, file)) if one.is_file()), None)
    if place is not None and not _is_right(place, file, job):
        job.log(f"{file.name} in the cache is damaged and comes anew", "warning")
        _remove(remote, file)
        progress.take_back(file.size)


def _remove_orphans(remote: RemoteModel, file: RemoteFile) -> None:
    """Throw away what huggingface_hub was writing when it was killed: no later process knows those names."""
    held = lock.acquire(_lock_path(remote, file))
    if held is None:
        return
    try:
        for path in _blob(remote, file).parent.glob("*.incomplete"):
            if held.held and path.name.startswith(f"{file.etag}.") and path != _partial(remote, file):
                path.unlink(missing_ok=True)
    finally:
        held.release()


def _is_right(path: Path, file: RemoteFile, job: Job) -> bool:
    """Length and checksum are those that the hub told. A file without a known kind of checksum is judged by length."""
    size = path.stat().st_size
    if size != file.size:
        return False
    if len(file.etag) == 64:
        digest = hashlib.sha256()
    elif len(file.etag) == 40:
        digest = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    else:
        return True
    with path.open("rb") as source:
        while chunk := source.read(READ_BYTES):
            job.check()
            digest.update(chunk)
    return digest.hexdigest() == file.etag


def _snapshot(remote: RemoteModel, files: tuple[RemoteFile, ...], progress: DownloadProgress) -> Path:
    """Let huggingface_hub fetch the files that are not among the blobs, and link all of them into the snapshot."""
    from huggingface_hub import snapshot_download

    found = snapshot_download(
        remote.id,
        revision=remote.commit,
        cache_dir=cache_folder(),
        endpoint=endpoint(),
        allow_patterns=[file.name for file in files],
        tqdm_class=progress.tqdm_class(),
        max_workers=4,
    )
    return Path(found)


# -- weights


def _fetch(remote: RemoteModel, file: RemoteFile, progress: DownloadProgress, job: Job) -> None:
    """Bring one file among the blobs: what is there of it is kept, the whole is checked, then it gets its name."""
    blob, partial = _blob(remote, file), _partial(remote, file)
    blob.parent.mkdir(parents=True, exist_ok=True)
    held = _lock_file(remote, file, job)
    try:
        if blob.is_file() or _link(remote, file).is_file():
            return
        resumed = partial.stat().st_size if partial.is_file() else 0
        if resumed:
            job.log(f"{file.name} goes on at {_mb(resumed)} MB of {_mb(file.size)}")
        _fetch_rest(remote, file, progress, job)
        if file.size > LARGE_BYTES:
            job.log(f"checking {file.name}")
        if resumed and not _is_right(partial, file, job):
            job.log(f"what was left of {file.name} from before is damaged: it comes anew", "warning")
            partial.unlink()
            progress.take_back(file.size)
            _fetch_rest(remote, file, progress, job)
        if not _is_right(partial, file, job):
            partial.unlink()
            raise problems.damaged(remote.id, file.name)
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(partial, blob)
    finally:
        held.release()


def _lock_path(remote: RemoteModel, file: RemoteFile) -> Path:
    """Of the lock that huggingface_hub takes for this file, so that no two programs fetch it at once."""
    path = cache_folder() / ".locks" / repository_folder(remote.id).name / f"{file.etag}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _lock_file(remote: RemoteModel, file: RemoteFile, job: Job) -> lock.FileLock:
    """Wait until no other program fetches this file."""
    path, said = _lock_path(remote, file), False
    while (held := lock.acquire(path)) is None:
        if not said:
            said = True
            job.log(f"another program fetches {file.name} already; waiting for it")
        job.wait(0.2)
    return held


def _fetch_rest(remote: RemoteModel, file: RemoteFile, progress: DownloadProgress, job: Job) -> None:
    """Ask for the rest of a file until all of it is here. A cut line is mended at once, a dead one after WAITS_S."""
    from huggingface_hub import hf_hub_url

    url = hf_hub_url(remote.id, file.name, revision=remote.commit, endpoint=endpoint())
    partial = _partial(remote, file)
    attempt = 0
    while True:
        before = partial.stat().st_size if partial.is_file() else 0
        if before > file.size:
            partial.unlink()
            before = 0
        if before == file.size:
            return
        failure: Exception | None = None
        try:
            _request_rest(url, partial, before, progress, job)
        except Exception as error:
            # Only a network's trouble is tried again; a cancel, a full disk and a refusal go up as they are.
            if not _is_passing(error):
                raise
            failure = error
        now = partial.stat().st_size if partial.is_file() else 0
        if now == file.size:
            return
        attempt = 0 if now > before else attempt
        if attempt >= len(RETRY_WAITS_S):
            raise failure or OSError(f"{file.name} ended after {now} of {file.size} bytes")
        job.log(f"the line broke after {_mb(now)} of {_mb(file.size)} MB; going on", "warning")
        job.wait(RETRY_WAITS_S[attempt])
        progress.restart_rate()
        attempt += 1


def _request_rest(url: str, partial: Path, start: int, progress: DownloadProgress, job: Job) -> None:
    """One request for what comes after `start`. Every byte that arrives is written at once, unbuffered."""
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with http_stream_backoff(
        "GET", url, headers=headers, timeout=TIMEOUT_S, max_retries=0, retry_on_exceptions=(), retry_on_status_codes=()
    ) as response:
        hf_raise_for_status(response)
        if start and response.status_code != 206:  # a proxy that knows no ranges sends all of it
            progress.take_back(start)
            start = 0
        with partial.open("ab" if start else "wb", buffering=0) as out:
            for chunk in response.iter_bytes():
                job.check()
                out.write(chunk)
                progress.add(len(chunk))


# -- patience


def _with_retries(ask: Callable[[], Result], job: Job) -> Result:
    """Ask again, after a growing pause, while the hub is overloaded or the line drops."""
    for wait in RETRY_WAITS_S[:3]:
        try:
            return ask()
        except Exception as error:
            # Anything that does not pass by itself goes up as it is; so does a hub that cannot be reached at all.
            if not _is_passing(error) or type(error).__name__ == "ConnectError":
                raise
            job.log(f"{endpoint()} does not answer ({type(error).__name__}); asking again in {wait:g} s", "warning")
        job.wait(wait)
    return ask()


def _is_network(error: Exception) -> bool:
    """An error of the HTTP client under huggingface_hub (httpx, or httpx2: it changed between versions)."""
    return any(kind.__name__ == "HTTPError" for kind in type(error).__mro__)


def _is_passing(error: Exception) -> bool:
    """Trouble that may be over in a moment: a dropped line, a hub that is overloaded."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in (408, 429, 500, 502, 503, 504)
    return _is_network(error) and not isinstance(error, OfflineModeIsEnabled)


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f}"
