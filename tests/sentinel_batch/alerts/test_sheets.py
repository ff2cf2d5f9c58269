"""Spreadsheets: what another reader finds in the file."""

from __future__ import annotations

import xml.etree.ElementTree as ET
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from sentinel_batch.alerts import files
from sentinel_batch.alerts.files import write_guarded_sheet
from sentinel_batch.alerts.sheets import CELL_LENGTH
from sentinel_batch.errors import UsageError

SPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
HOSTILE = ["=HYPERLINK(1)", "+234 803|cmd", "@SUM(A1)", "https://example.org/x", "{=1}", "0705", "\x00=1"]


def read(path: Path) -> list[list[tuple[str, str | None]]]:
    """Return type and content of each cell."""
    with zipfile.ZipFile(path) as book:
        assert "xl/externalLinks" not in str(book.namelist())
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    assert sheet.findall(".//m:f", SPACE) == [], "a formula"
    assert sheet.findall(".//m:hyperlink", SPACE) == [], "a link"
    found = []
    for row in sheet.findall(".//m:row", SPACE):
        cells = row.findall("m:c", SPACE)
        found.append(
            [(c.get("t", "n"), c.findtext(".//m:t", None, SPACE) or c.findtext("m:v", None, SPACE)) for c in cells]
        )
    return found


def test_text_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    write_guarded_sheet(
        pl.DataFrame({"note": HOSTILE, "number": ["+2348031234567"] * len(HOSTILE)}), tmp_path / "a.xlsx"
    )
    head, *rows = read(tmp_path / "a.xlsx")
    assert [text for _, text in head] == ["note", "number"]
    assert {kind for row in rows for kind, _ in row} == {"inlineStr"}
    assert [row[0][1] for row in rows][:5] == [
        "'=HYPERLINK(1)",
        "'+234 803|cmd",
        "'@SUM(A1)",
        "https://example.org/x",
        "{=1}",
    ]
    assert {row[1][1] for row in rows} == {"+2348031234567"}


def test_numbers_and_times_are_numbers_and_times(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "n": [7, 2**60], "x": [0.5, float("nan")], "yes": [True, None],
            "at": [datetime(2026, 1, 22, 12, tzinfo=UTC), None], "day": [date(2026, 1, 22), None],
        }
    )  # fmt: skip
    write_guarded_sheet(frame, tmp_path / "a.xlsx")
    _, first, second = read(tmp_path / "a.xlsx")
    assert first == [("n", "7"), ("n", "0.5"), ("b", "1"), ("n", "46044.5"), ("n", "46044")]
    assert second == [("inlineStr", str(2**60)), ("inlineStr", "nan")]
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        assert "&quot;UTC&quot;" in book.read("xl/styles.xml").decode()


def test_what_is_too_long_for_a_cell_says_so(tmp_path: Path) -> None:
    write_guarded_sheet(pl.DataFrame({"note": ["x" * 40_000]}), tmp_path / "a.xlsx")
    text = read(tmp_path / "a.xlsx")[1][0][1]
    assert text is not None and len(text) == CELL_LENGTH and text.endswith("x…")


def test_an_empty_frame_has_its_header(tmp_path: Path) -> None:
    write_guarded_sheet(pl.DataFrame(schema={"id": pl.Int64, "note": pl.String}), tmp_path / "a.xlsx")
    assert read(tmp_path / "a.xlsx") == [[("inlineStr", "id"), ("inlineStr", "note")]]


def test_more_rows_than_a_sheet_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SHEET_ROWS", 2)
    with pytest.raises(UsageError, match=r"3 rows do not fit into a sheet\.\nHint: Narrow the export"):
        write_guarded_sheet(pl.DataFrame({"n": [1, 2, 3]}), tmp_path / "a.xlsx")
