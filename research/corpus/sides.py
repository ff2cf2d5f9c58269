"""Which side of the split a source is on, and its fold: both follow from its name alone, before anything is trained."""

from __future__ import annotations

import hashlib

EVALUATION_SHARE = 0.45
FOLDS = 10


def place(source: str) -> float:
    """Return a number in [0, 1) that depends on the lower-case name of a source only."""
    digest = hashlib.sha256(f"demonstration:{source.lower()}".encode()).hexdigest()
    return int(digest[:12], 16) / 16.0**12


def draw_side(source: str, *, trained_before: bool = False) -> str:
    """Return ``evaluation`` or ``train``.

    Parameters
    ----------
    source
        ``owner/name``.
    trained_before
        A model that was shipped has been trained on this source, so that it can never judge a model fairly.
    """
    return "evaluation" if not trained_before and place(source) < EVALUATION_SHARE else "train"


def draw_fold(source: str) -> int:
    """Return the fold of a training source, 0 to 9, for cross-validation and the learning curve over sources."""
    digest = hashlib.sha256(f"fold:{source.lower()}".encode()).hexdigest()
    return int(digest[:12], 16) % FOLDS
