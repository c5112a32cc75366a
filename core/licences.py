"""The licences a recording may stand under: which need nobody's word, what they are called, and their versions.

cc-by, standard (a site's own terms), own (a recording of this machine), unknown.
"""

from __future__ import annotations

import re

from core.links import is_youtube

FREE = frozenset(("cc-by", "own"))
"""Those under which nobody has to vouch for a download."""

# For a page that names no licence: YouTube shows no row for its standard one.
WORDS = {
    "cc-by": "Creative Commons Attribution",
    "standard": "the site's standard licence: not free to pass on",
    "own": "own recording",
    "unknown": "not known",
}

_VERSION = re.compile(r"(?<![\d.])([1-4]\.[05])(?![\d.])", re.ASCII)


def cc_by_version(words: str, url: str) -> str:
    """The version of a CC BY licence, "" where neither its words nor its site tell it.

    YouTube's is 3.0, which the words on its pages do not say.
    """
    stated = _VERSION.search(words)
    return stated[1] if stated else "3.0" if is_youtube(url) else ""
