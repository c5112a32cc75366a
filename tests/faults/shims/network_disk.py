"""A network file system without locks, and without the shared memory that SQLite's write-ahead log needs."""

import errno
import fcntl
import os

import core.store.opening


def flock(descriptor, operation):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


fcntl.flock = flock
assert core.store.opening.file_system
core.store.opening.file_system = lambda folder: "nfs"
