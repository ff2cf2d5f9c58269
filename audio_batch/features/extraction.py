"""One call for all families: names to figures, under a version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audio_batch.errors import AudioUsageError
from audio_batch.features.cepstral import measure_cepstral
from audio_batch.features.energy import measure_energy
from audio_batch.features.lpc import measure_lpc
from audio_batch.features.modulation import measure_modulation
from audio_batch.features.phase import measure_phase
from audio_batch.features.spectral import measure_spectral
from audio_batch.features.spectrum import Spectrum
from audio_batch.features.voice import measure_voice

if TYPE_CHECKING:
    import polars

FEATURE_SET_VERSION = "2.0.0"
"""Changes with every change of a definition: patch never moves a figure, minor adds figures, major changes them."""

Family = Callable[[Spectrum], dict[str, float]]

FAMILIES: dict[str, Family] = {
    "spectral": measure_spectral,
    "energy": measure_energy,
    "cepstral": measure_cepstral,
    "lpc": measure_lpc,
    "phase": measure_phase,
    "modulation": measure_modulation,
    "voice": measure_voice,
}


@dataclass(frozen=True)
class Features:
    """Figures of one signal.

    Attributes
    ----------
    values
        Name to figure, each a float32 value; NaN where the feature is undefined for this signal, never Inf.
        The same families give the same names in the same order, whatever the signal.
    version
        Version of the feature set, `FEATURE_SET_VERSION` at the time of extraction.
    sampling_rate
        Hertz, as analysed. Compare figures of different rates only where the definition says that they agree.
    """

    values: dict[str, float]
    version: str
    sampling_rate: int

    def to_frame(self) -> polars.DataFrame:
        """Return one row: ``feature_set_version``, ``sampling_rate``, and a Float32 column per feature."""
        import polars  # late: the workers of a batch extract features and make no frames

        columns = {name: polars.Series(name, [value], dtype=polars.Float32) for name, value in self.values.items()}
        head = {"feature_set_version": [self.version], "sampling_rate": [self.sampling_rate]}
        return polars.DataFrame(head | columns, schema_overrides={"sampling_rate": polars.Int32})

    def to_array(self) -> npt.NDArray[np.float32]:
        """Return the figures alone, shape (features,), in the order of `list_features`."""
        return np.fromiter(self.values.values(), dtype=np.float32, count=len(self.values))


def extract(signal: npt.ArrayLike, sampling_rate: int, *, families: Iterable[str] | None = None) -> Features:
    """Measure a signal.

    Parameters
    ----------
    signal
        Mono signal, shape (samples,), full scale ±1. A few seconds: memory grows by about 3 MB per second.
    sampling_rate
        Hertz, 4,000 to 192,000; 8,000 is the normal case.
    families
        Names from `list_families`; None means all.

    Returns
    -------
    Features
        Undefined figures are NaN (silence, no voiced frame, a band above Nyquist, a signal shorter than a frame).

    Raises
    ------
    AudioUsageError
        For an unknown family, more than one channel, NaN or Inf in the signal, or an impossible rate.
    """
    chosen = _choose_families(families)
    spectrum = Spectrum(signal, sampling_rate)
    values: dict[str, float] = {}
    with np.errstate(over="ignore", invalid="ignore"):  # samples far beyond full scale end as NaN
        for name in chosen:
            values |= FAMILIES[name](spectrum)
    return Features(_round_values(values), FEATURE_SET_VERSION, int(sampling_rate))


def list_families() -> tuple[str, ...]:
    """Return the names of the feature families, in the order of extraction."""
    return tuple(FAMILIES)


def list_features(families: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the names of all features of the families (all families by default), in the order of extraction."""
    return _list_names(_choose_families(families))


@lru_cache(maxsize=8)
def _list_names(families: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(extract(np.zeros(0, dtype=np.float32), 8000, families=families).values)


def _choose_families(families: Iterable[str] | None) -> tuple[str, ...]:
    if families is None:
        return list_families()
    asked = [families] if isinstance(families, str) else list(families)
    for name in asked:
        if name not in FAMILIES:
            raise AudioUsageError(
                f"feature family {name!r} is unknown; allowed: {', '.join(FAMILIES)}",
                hint="leave `families` out to get all of them.",
                family=name,
                allowed=list(FAMILIES),
            )
    return tuple(name for name in FAMILIES if name in asked)


def _round_values(values: dict[str, float]) -> dict[str, float]:
    """Round to float32, and turn what overflowed into NaN, so that a table of floats reads the same everywhere."""
    array = np.fromiter(values.values(), dtype=np.float32, count=len(values))
    array[~np.isfinite(array)] = np.nan
    return dict(zip(values, array.tolist(), strict=True))
