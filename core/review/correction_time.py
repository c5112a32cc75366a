"""How long a person takes to correct a row, fitted to what they have corrected so far. Pure functions.

After Sperber, Neubig, Niehues, Nakamura and Waibel, Transcribing Against Time (2017, arXiv 1709.05227): a review that
chooses by errors a minute needs a model of its cost; one that begins as that of nobody in particular and is updated
while the person works saved 15 % of the time, 42 % for those who differed most from the beginning. Of one person there
are few rows: three coefficients, held to the usual ones, are what they can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

LONGEST_S = 180.0
"""More between two edits was a break, and tells nothing."""

SPREAD_S = 6.0
"""Standard deviation of the seconds around what the coefficients say; with few rows the usual ones weigh more."""

USUAL_SPREAD = 0.6
"""By which share of themselves the coefficients differ from person to person."""

LEAST_SHARE = 0.1
"""Of the usual ones: no part of the work takes no time at all."""


@dataclass(frozen=True)
class Correction:
    """A row that a person has dealt with. seconds: since the one before it. length_s: of its sound. edits: characters
    that were typed or deleted."""

    seconds: float
    length_s: float
    edits: float


@dataclass(frozen=True)
class CorrectionTime:
    """Seconds for a row: to come to it and go on, for each second of its sound, for each character that is edited."""

    row_s: float = 2.0
    sound_s: float = 1.1
    edit_s: float = 1.5

    def seconds(self, length_s: float, edits: float) -> float:
        return self.row_s + self.sound_s * length_s + self.edit_s * edits


USUAL = CorrectionTime()
"""Of nobody in particular: listened to once, and characters chosen from an input method's list."""


def fit(corrections: Sequence[Correction], usual: CorrectionTime = USUAL) -> CorrectionTime:
    """The coefficients most likely after these corrections: least squares, held to the usual ones (ridge).

    The mode of a Gaussian posterior: seconds are spread by SPREAD_S around the line, coefficients by 0.6 of themselves
    around the usual ones. Without corrections these come out; after some dozen rows the person's own do.
    """
    rows = [one for one in corrections if 0 < one.seconds <= LONGEST_S]
    if not rows:
        return usual
    features = np.array([[1.0, one.length_s, one.edits] for one in rows])
    seconds = np.array([one.seconds for one in rows])
    center = np.array(astuple(usual))
    pull = np.diag((SPREAD_S / (USUAL_SPREAD * center)) ** 2)
    found = np.linalg.solve(features.T @ features + pull, features.T @ seconds + pull @ center)
    return CorrectionTime(*(float(value) for value in np.maximum(found, LEAST_SHARE * center)))
