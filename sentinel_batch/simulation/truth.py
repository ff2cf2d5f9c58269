"""The truth file: what a generated CDR file holds, for whoever checks an ingest or a detection against it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .damage import DAMAGES, TRAILING_BLANK_LINES

TRUTH_VERSION = 1
TIMEZONE = "Africa/Lagos"
RULE_MIN_UNIQUE_DESTINATIONS = 50


def truth_path(output: str | Path) -> Path:
    """Return where the truth about a generated file stands: ``x.truth.json`` beside ``x.csv``.

    Parameters
    ----------
    output
        Path of the generated file.

    Returns
    -------
    pathlib.Path
        Path of its truth file.
    """
    return Path(output).with_suffix(".truth.json")


def truth_document(
    *, seed: int, parameters: Mapping[str, Any], simbox_numbers: list[str], damage: Mapping[str, int]
) -> dict[str, Any]:
    """Return the content of the truth file.

    Parameters
    ----------
    seed, parameters
        What reproduces the file, byte for byte.
    simbox_numbers
        Numbers of the SIM boxes in E.164.
    damage
        Number of rows of each kind of damage.

    Returns
    -------
    dict
        JSON-ready. An ingest of the file should process ``rows_written`` rows, reject ``rejected_rows``, skip
        ``duplicate_rows`` and insert ``expected_distinct_valid_records``; ``qualifying_numbers`` are the SIM boxes that
        the seed's rule finds (more than 50 unique destinations; their average is always below 3 s).
    """
    total: int = parameters["total_records"]
    calls: int = parameters["simbox_calls_per_caller"]
    counts = {kind.name: damage.get(kind.name, 0) for kind in DAMAGES}
    of_effect = {
        effect: sum(counts[kind.name] for kind in DAMAGES if kind.effect == effect)
        for effect in ("duplicate", "rejected", "valid")
    }
    return {
        "version": TRUTH_VERSION,
        "seed": seed,
        "parameters": {k: v.isoformat() if isinstance(v, dt.date) else v for k, v in parameters.items()},
        "timezone": TIMEZONE,
        "simbox_numbers": simbox_numbers,
        "qualifying_numbers": simbox_numbers if calls > RULE_MIN_UNIQUE_DESTINATIONS else [],
        "rows_written": total + of_effect["duplicate"],
        "clean_records": total - of_effect["rejected"] - of_effect["valid"],
        "duplicate_rows": of_effect["duplicate"],
        "rejected_rows": of_effect["rejected"],
        "unusual_valid_rows": of_effect["valid"],
        "expected_distinct_valid_records": total - of_effect["rejected"],
        "trailing_blank_lines": TRAILING_BLANK_LINES if parameters["dirty"] else 0,
        "damage": counts,
        "damage_effects": {kind.name: kind.effect for kind in DAMAGES},
    }
