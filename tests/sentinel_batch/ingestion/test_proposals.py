"""A proposed dialect reads its file as the ingest does that found everything out; what comes near is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sentinel_batch.errors import NoInputError, UnrecognisedFileError
from sentinel_batch.ingestion import ingest, load_dialect, propose_dialect
from sentinel_batch.ingestion.reading.files import is_readable_kind
from sentinel_batch.lake import Lake

FOLDER = Path(__file__).parent / "fixtures" / "cdr"
PATHS = sorted(path for path in FOLDER.rglob("*") if path.is_file() and is_readable_kind(path))
OWN = ("ingest_id", "processed_at")
"""Columns that tell one ingest of a file from another."""


def _read(lake: Path) -> pl.DataFrame:
    calls = Lake.open(lake).snapshot().read("call_records").drop(OWN)
    return calls.select(sorted(calls.columns)).sort("source_line")


def _write(folder: Path, text: str, name: str = "calls.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("path", PATHS, ids=[str(path.relative_to(FOLDER)) for path in PATHS])
def test_the_proposed_dialect_gives_the_same_records(path: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"max_reject_rate": 1.0}
    plain = ingest(path, lake=tmp_path / "plain", **options)
    (file,) = plain.files
    if file.status == "empty":
        with pytest.raises(NoInputError):
            propose_dialect(path)
        return
    if file.error is not None and "not_recognised" in path.name:
        with pytest.raises(UnrecognisedFileError, match="no table"):
            propose_dialect(path)
        return
    proposal = propose_dialect(path)
    toml = tmp_path / "my.toml"
    toml.write_text(proposal.to_toml(), "utf-8")
    load_dialect(toml)
    assert proposal.recognised == (file.error is None or file.error["code"] != "unrecognised_file")
    if file.error is not None:
        return

    again = ingest(path, lake=tmp_path / "proposed", dialect=toml, **options)

    (other,) = again.files
    assert other.error is None
    names = ("records_processed", "records_inserted", "duplicates_skipped", "legs_collapsed", "rejects_by_reason")
    for name in (*names, "skipped_by_type", "timezone", "lines_skipped"):
        assert getattr(other, name) == getattr(file, name), name
    assert _read(tmp_path / "proposed").equals(_read(tmp_path / "plain"))
    if proposal.layout is not None and proposal.layout.calls and not plain.legs_collapsed:
        stored = Lake.open(tmp_path / "plain").snapshot().read("call_records").to_dicts()
        for call in proposal.layout.calls:
            assert any(all(row[name] == value for name, value in call.items()) for row in stored)
