"""Settings of an ingest that hold for all its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from batch_base.shell import quote_word
from sentinel_batch.config import Config
from sentinel_batch.errors import UsageError
from sentinel_batch.ingestion.dialects.catalogue import load_dialect
from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.reading.given import NOTHING_GIVEN, Given
from sentinel_batch.ingestion.values.zones import check_zone
from sentinel_batch.numbers import is_region
from sentinel_batch.window import now

FUTURE = timedelta(days=1)
"""Calls dated later than this after the ingest are implausible."""

Progress = Callable[[str, int, int], None]
"""Called with a file's name, bytes read of it, and its size."""


@dataclass(frozen=True)
class Options:
    """Settings of an ingest that hold for all its files."""

    dialect: Dialect | None
    zone: str
    region: str
    numbers: str
    numbers_named: bool
    strict: bool
    max_reject_rate: float
    day_first: bool | None
    earliest: datetime
    latest: datetime
    lock_timeout: float
    progress: Progress | None
    preview: bool
    given: Given = NOTHING_GIVEN


def read_options(
    config: Config,
    *,
    strict: bool = False,
    day_first: bool | None = None,
    progress: Progress | None = None,
    preview: bool = False,
) -> Options:
    """Return the settings of an ingest, checked.

    Raises
    ------
    UsageError
        If the region, the zone or the dialect does not exist.
    """
    if not is_region(config.region):
        raise UsageError(
            f"There is no region {config.region!r}.", hint="Use an ISO 3166 code such as NG, GH, FR or GB."
        )
    earliest = config.earliest_call
    return Options(
        dialect=load_dialect(config.dialect) if config.dialect else None,
        zone=check_zone(config.timezone),
        region=config.region,
        numbers=config.numbers,
        numbers_named=config.origin("numbers").startswith(("flag", "argument")),
        strict=strict,
        max_reject_rate=config.max_reject_rate,
        day_first=day_first,
        earliest=datetime(earliest.year, earliest.month, earliest.day, tzinfo=UTC),
        latest=now() + FUTURE,
        lock_timeout=config.lock_timeout,
        progress=progress,
        preview=preview,
        given=repeat_options(config, day_first),
    )


def repeat_options(config: Config, day_first: bool | None) -> Given:
    """Return the options that were given to a command, for those that its messages name."""
    typed = [
        f"--{name} {quote_word(str(getattr(config, name)))}"
        for name in ("timezone", "region", "numbers")
        if config.origin(name).startswith(("flag", "argument"))
    ]
    order = {True: ["--day-first"], False: ["--month-first"], None: list[str]()}[day_first]
    return Given(_shorten(config.dialect), " ".join([*typed, *order]))


def _shorten(dialect: str | Path | None) -> str:
    """Return a dialect as it can be typed: a path from the current folder, if it is below that."""
    path = Path(dialect or "")
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(dialect or "")
