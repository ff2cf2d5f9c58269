"""librosa, loaded at first use: its import takes seconds and some 200 MB, which a list of names must not cost."""

from __future__ import annotations

from typing import Any

from audio_batch.errors import AudioError
from batch_base.extras import named_extra


def load_librosa() -> Any:
    """Import librosa and the parts of it that features are made with.

    Returns
    -------
    module
        ``librosa``.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    AudioError
        If numba, which librosa needs, finds no folder that it may write its compiled functions to.
    """
    try:
        with named_extra():
            import librosa

        librosa.feature.spectral_centroid  # noqa: B018  librosa imports its parts when they are first named
    except RuntimeError as error:
        raise AudioError(
            f"librosa cannot be loaded: {error}",
            hint="set NUMBA_CACHE_DIR to a folder that this account may write, and that stays between runs.",
            reason="librosa_not_loaded",
        ) from error
    return librosa
