"""Ids that are safe everywhere: as a file's name, in a segment's name, as an argument; made from strangers' text."""

from __future__ import annotations

import hashlib
import re

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_safe(id: str) -> bool:
    """True for what may be a file name, part of a segment's name, and an argument anywhere."""
    return _SAFE.fullmatch(id) is not None


def slug(text: str, limit: int = 40) -> str:
    """The safe characters of a text, runs of others as one `-`; "" where nothing is left of it."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-_")[:limit].strip("-_")


def short_hash(text: str, length: int = 8) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:length]


def stable_id(name: str, identity: str) -> str:
    """An id for a recording that has none of YouTube's: its name as far as it is safe, and a hash of its identity.

    The same identity (a feed's guid, else the link) gives the same id on every machine, every time.
    """
    return "-".join(part for part in (slug(name), short_hash(identity)) if part)
