"""Captions of recordings as sources of their segments' texts: those in the store, else files beside the recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.errors import UserError
from core.exchange.formats.table import read_cues
from core.labelling.sources import CUES, IS_SECOND, KIND, SECOND, TextSource, stored_source
from core.store import Store
from core.timed_text import speech

AUTOMATIC = ":automatic"
"""What the model of a site's recognition ends with."""


def captions_sources(
    store: Store,
    video: str,
    files: Mapping[str, Sequence[tuple[str, Path]]],
    warn: Callable[[str], object] = lambda text: None,
) -> list[TextSource]:
    """What captions say of a recording: a file that a person has imported as its texts, then what the site has, else
    what lies beside it. The model of the last two is `captions:<language>`, with `:automatic` for a site's recognition.

    Nothing is taken that was here before another recording was put in the place of the one that it is of.

    files: those that lie beside recordings, as `core.sources.captions.beside` finds them. warn: told of one that cannot
    be read.
    """
    row = store.videos.get(video)
    replaced = row.replaced if row else None
    # Older versions did not mark what was brought as a second opinion; the last of it is known by the note.
    second = (store.note(SECOND) or {}).get("source")
    imported = [
        stored_source(store, row)
        for row in store.timed_texts.of(video)
        if row.settings.get(KIND) == CUES and IS_SECOND not in row.settings and row.source != second
    ]
    stored = store.captions.get(video)
    if stored is not None and stored.cues and (replaced is None or stored.at > replaced.at):
        model = f"captions:{stored.language or 'und'}" + (AUTOMATIC if stored.automatic else "")
        return [*imported, TextSource(model, speech(stored.cues), "caption")]
    for language, path in files.get(video, ()):
        if replaced is not None and path.stat().st_mtime * 1000 < replaced.at:
            warn(
                f"{path.name} is not used: it is older than the recording that lies beside it now; import it to use it"
            )
            continue
        try:
            return [*imported, TextSource(f"captions:{language}", speech(read_cues(path)), "caption")]
        except UserError as error:
            warn(f"{path.name} is not used: {error.what}; {error.why}")
    return imported
