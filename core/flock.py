"""flock(2): a lock on an open file or folder, which the kernel releases however its holder ends."""

from __future__ import annotations

import errno
import fcntl

# The last two: NFS makes of an flock a lock on bytes, and wants the file open for writing, which a folder never is.
_UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL)


def try_flock(descriptor: int, *, shared: bool = False) -> bool | None:
    """Take the lock without waiting: True, or False if another holds it; None where the file system knows no flock.

    OSError for anything else.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        if error.errno in _UNKNOWN:
            return None
        raise
    return True
