"""Features of whole recordings as a table: one row for each analysis segment with speech."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike, fspath
from typing import Any

import numpy as np
import polars as pl

from audio_batch.decoding import RawFormat, printable, probe
from audio_batch.features import extract, list_features
from audio_batch.segmentation import cut_segments


def tabulate_features(
    path: str | PathLike[str],
    *,
    families: Iterable[str] | None = None,
    channel_roles: Mapping[int, str] | None = None,
    raw: RawFormat | None = None,
) -> pl.DataFrame:
    """Measure the segments of a recording.

    Parameters
    ----------
    path
        Any recording that `audio_batch.decoding` reads.
    families
        Names from `audio_batch.features.list_families`; None means all.
    channel_roles
        Role by channel index.
    raw
        Format of a file without header.

    Returns
    -------
    polars.DataFrame
        One row per segment of `audio_batch.cut_segments`, the segments that the scorer sees: ``path, sha256, channel,
        role, start, end, speech_seconds, feature_set_version, sampling_rate``, then a Float32 column per feature. A
        recording without speech has no rows, and the same columns.

    Raises
    ------
    AudioUsageError
        A family is not known.
    UnreadableAudioError
        The file cannot be decoded.
    """
    chosen = None if families is None else tuple(families)
    schema: dict[str, Any] = {
        **dict.fromkeys(("path", "sha256"), pl.String),
        **{"channel": pl.Int64, "role": pl.String, "start": pl.Float64, "end": pl.Float64},
        **{"speech_seconds": pl.Float64, "feature_set_version": pl.String, "sampling_rate": pl.Int64},
        **dict.fromkeys(list_features(chosen), pl.Float32),
    }
    facts = {"path": printable(fspath(path)), "sha256": probe(path, raw=raw).sha256}
    rows = [facts | row for row in _measure(path, chosen, channel_roles, raw)]
    return pl.DataFrame({name: pl.Series(name, [r[name] for r in rows], dtype=kind) for name, kind in schema.items()})


def _measure(
    path: str | PathLike[str],
    families: tuple[str, ...] | None,
    channel_roles: Mapping[int, str] | None,
    raw: RawFormat | None,
) -> Iterator[dict[str, Any]]:
    for segment in cut_segments(path, channel_roles=channel_roles, raw=raw):
        found = extract(np.nan_to_num(segment.signal, posinf=0, neginf=0), segment.sampling_rate, families=families)
        place = {"channel": segment.channel, "role": segment.role, "start": segment.start, "end": segment.end}
        version = {"feature_set_version": found.version, "sampling_rate": segment.sampling_rate}
        yield place | {"speech_seconds": segment.speech_seconds} | version | found.values
