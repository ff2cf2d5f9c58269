"""Small files of many layouts, read into a lake of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.ingestion import FileResult, ingest
from sentinel_batch.lake import Lake

FOLDER = Path(__file__).parent / "fixtures" / "cdr" / "layouts"
A, B, C = "08031230001", "08051230001", "08051230002"
A_E164, B_E164, C_E164 = "+2348031230001", "+2348051230001", "+2348051230002"
MOMENT = "2026-09-01 10:00:00"


@dataclass(frozen=True)
class Read:
    """What became of one file: its result, and its calls in their order."""

    file: FileResult
    calls: pl.DataFrame

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        """Return some columns of the calls."""
        return self.calls.select(columns).rows()

    @property
    def talk(self) -> list[tuple[int, bool]]:
        """Talk time and whether it was answered, of each call."""
        return self.rows("duration_seconds", "answered")

    @property
    def clocks(self) -> list[str]:
        """When the calls began, UTC."""
        return self.calls["call_timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S").to_list()

    def notice(self, word: str) -> str:
        """Return the one notice that has a word, nothing where none has it."""
        found = [notice for notice in self.file.notices if word in notice]
        assert len(found) < 2, found
        return "".join(found)


def read(folder: Path, source: Path | str, **options: Any) -> Read:
    """Ingest one file, or one text, in Lagos."""
    folder.mkdir(exist_ok=True)
    path = source if isinstance(source, Path) else folder / "calls.csv"
    if isinstance(source, str):
        path.write_text(source, encoding="utf-8")
    settings = {"timezone": "Africa/Lagos", "region": "NG", "max_reject_rate": 1.0} | options
    (file,) = ingest(path, lake=folder / "lake", **settings).files
    parts = file.records_inserted + file.duplicates_skipped + file.records_rejected
    assert file.records_processed == parts + file.records_skipped + file.records_refused
    assert sum(file.skipped_by_type.values()) == file.records_skipped or file.error
    calls = Lake.open(folder / "lake").snapshot().read("call_records")
    return Read(file, calls.sort("call_timestamp", "source_line"))


def headed(header: str, *rows: str, delimiter: str = ",") -> str:
    """Return a text with a header; ``A``, ``B``, ``C`` and ``T`` in the rows stand for numbers and a time."""
    names = {"A": A, "B": B, "C": C, "T": MOMENT}
    lines = [delimiter.join(names.get(cell, cell) for cell in row.split(delimiter)) for row in rows]
    return "\n".join([header, *lines, ""])
