"""What is to be said of a segment's sound, from what was measured of it."""

from __future__ import annotations

FLAGS = {
    "silence": "nobody speaks in it, and next to nothing is heard",
    "music": "nobody speaks in it: music or noise",
    "clipped": "recorded too loud: the peaks of the sound are cut off",
}
"""What a sound is flagged with, and what each says."""

LEAST_SPEECH = 0.05
"""With a smaller share of speech than that nobody speaks in a segment: half a second of ten."""

SILENCE_DBFS = -50.0
"""What is softer is the hiss of a room, or nothing."""

CLIPPED = 0.0005
"""Share of samples at full scale, from which on it is heard: eight in a second."""


def sound_flags_of(dbfs: float | None, speech: float | None, clipped: float | None) -> tuple[str, ...]:
    """The FLAGS of a segment. dbfs: its level; speech, clipped: shares (0–1); None: not measured.

    The limits were chosen on a talk with music under it, recorded in a restaurant. What a person wrote down as music,
    or as a mere "hm", has 0.02 of speech at most; the least speech of a piece with words in it is 0.07, its level
    -36 dBFS. Made louder by 12 dB, so that it clips, 7 of its 99 pieces are flagged, by 20 dB 88.
    """
    found = []
    if dbfs is not None and speech is not None and speech < LEAST_SPEECH:
        found.append("silence" if dbfs < SILENCE_DBFS else "music")
    if clipped is not None and clipped >= CLIPPED:
        found.append("clipped")
    return tuple(found)
