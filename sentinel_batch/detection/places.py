"""Where cells are, as the rule that needs it has been told."""

from __future__ import annotations

import polars as pl

from sentinel_batch.desk import ConfigLike, open_desk
from sentinel_batch.errors import SentinelError
from sentinel_batch.rules import read_catalogue

LOCATIONS_RULE = "GEO_IMPOSSIBLE"
"""The rule whose list ``locations`` says where cells are: shipped, or the user's ``[rules.GEO_IMPOSSIBLE]``."""

_LIST = "locations"
_SCHEMA = {"location_code": pl.String, "latitude": pl.Float64, "longitude": pl.Float64}


def locate_cells(cells: pl.Series, config: ConfigLike = None) -> pl.DataFrame:
    """Return where cells are, each by the list's exact entry, else by the longest entry with a final ``*`` that fits.

    Parameters
    ----------
    cells
        Location codes; each is looked up once.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    polars.DataFrame
        ``cell``, ``latitude``, ``longitude`` (degrees) and ``place`` (the entry), without cells that the list does not
        know; nothing if the list cannot be read now.
    """
    listed = {code: (latitude, longitude) for code, latitude, longitude in _read_list(config).iter_rows()}
    lengths = sorted({len(code) - 1 for code in listed if code.endswith("*")}, reverse=True)
    found = []
    for cell in cells.drop_nulls().unique().sort().to_list():
        entry = next((entry for entry in (cell, *(f"{cell[:n]}*" for n in lengths)) if entry in listed), None)
        if entry is not None:
            found.append((cell, *listed[entry], entry.removesuffix("*")))
    schema = {"cell": pl.String, "latitude": pl.Float64, "longitude": pl.Float64, "place": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row")


def _read_list(config: ConfigLike) -> pl.DataFrame:
    try:
        settings = open_desk(config=config).config
        rule = read_catalogue(settings).get(LOCATIONS_RULE)
        rows = rule.resolve_lists(settings.rules.get(LOCATIONS_RULE))[_LIST]
    except (SentinelError, KeyError):  # A report is not to fail for want of a map.
        return pl.DataFrame(schema=_SCHEMA)
    return rows.select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items()).drop_nulls()
