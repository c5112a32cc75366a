"""The digests of wavs that were written before the store kept them: each is read once, and never again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.cores import usable_cores
from core.errors import UserError
from core.files import read_bytes
from core.jobs import Job
from core.media.wav import MOST_BYTES, digest_of_wav, fault_of_wav
from core.store import Store
from core.workspace import Workspace

_FILES_A_WRITE = 64
"""Some milliseconds of the store's lock at a time, and no more than that is hashed again after a kill."""


def fill_digests(workspace: Workspace, store: Store, job: Job) -> int:
    """Store the SHA-256 of every wav that matters to a split and has none yet; returns how many were read.

    Usable segments matter, and those of the split in force. Reads nothing where `segment` and `import` have stored
    them all. A wav that cannot be read, or is none, stays without one: whoever needs its sound says so by name.
    """
    missing = store.segments.without_digest()
    if not missing:
        return 0
    count = 0
    with ThreadPoolExecutor(min(4, usable_cores()), thread_name_prefix="digest") as pool:
        for begin in range(0, len(missing), _FILES_A_WRITE):
            job.check()
            group = missing[begin : begin + _FILES_A_WRITE]
            found = pool.map(_digest, [workspace.absolute(path) for _, path in group])
            digests = {id: digest for (id, _), digest in zip(group, found, strict=True) if digest}
            store.segments.set_digests(digests)
            count += len(digests)
            job.progress(0, None, unit="files", note=f"digests, {begin + len(group)} of {len(missing)}")
    if count:
        job.log(f"{count} wav files from before digests were kept have been read for theirs, once")
    return count


def _digest(path: Path) -> str | None:
    try:
        data = read_bytes(path, MOST_BYTES)
    except UserError:
        return None
    return None if fault_of_wav(data) else digest_of_wav(data)
