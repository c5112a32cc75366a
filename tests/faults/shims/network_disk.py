"""A network file system without locks, and without the shared memory that SQLite's write-ahead log needs."""

import errno
import fcntl
import os

import core.store.database


def flock(descriptor, operation):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


fcntl.flock = flock
core.store.database.file_system = lambda folder: "nfs"
