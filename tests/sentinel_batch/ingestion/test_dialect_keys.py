"""Keys of a dialect that say where in a field, on a row or in a file the telling part stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.errors import DialectError
from sentinel_batch.ingestion import ingest, load_dialect
from sentinel_batch.ingestion.result import FileResult
from sentinel_batch.lake import Lake
from tests.sentinel_batch.ingestion.layout_samples import headed, read

BASE = """
name = "mine"
{top}
[fields]
caller_number = {caller}
callee_number = ["to", "dialled"]
call_timestamp = "at"
duration_seconds = "seconds"
call_direction = "way"
imei = "imei"
location_code = "cell"
[callers]
short_codes = true
{callers}
[direction]
{direction}
[rows]
{rows}
"""


def write(tmp_path: Path, text: str, **parts: str) -> FileResult:
    """Ingest one text by a dialect of one's own, made of the base and these parts."""
    keys: dict[str, Any] = {"caller": '"from"', "top": "", "callers": "", "direction": "", "rows": "", **parts}
    (tmp_path / "mine.toml").write_text(BASE.format(**keys), encoding="utf-8")
    (tmp_path / "calls.csv").write_text(text, encoding="utf-8")
    result = ingest(
        tmp_path / "calls.csv", lake=tmp_path / "lake", dialect=tmp_path / "mine.toml", max_reject_rate=1.0, region="NG"
    )
    return result.files[0]


def calls(tmp_path: Path, *columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the calls in the lake, in the order of their times."""
    return Lake.open(tmp_path / "lake").snapshot().read("call_records").sort("call_timestamp").select(columns).rows()


HEADER = "from,to,dialled,at,seconds,way,imei,cell,agent\n"


def row(minute: int, start: str, end: str = "OUT,35123400123456,L1,") -> str:
    return f"{start},2026-01-22 10:0{minute}:00,20,{end}\n"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("Ext.185", "185"), ("Leo Ball<1000>", "1000"), ("Ade (+2348031234567)", "+2348031234567"), ("*97", "*97")],
)
def test_a_number_is_taken_out_of_its_field(tmp_path: Path, typed: str, kept: str) -> None:
    write(tmp_path, HEADER + row(0, f"101,{typed},"), top=r"""number_pattern = '(?:Ext\.|.*[(<])?([0-9+*#]+)[)>]?'""")

    assert calls(tmp_path, "caller_number", "callee_number") == [("101", kept)]


def test_a_field_without_a_number_leaves_it_to_the_next_column_or_counts_as_it_is(tmp_path: Path) -> None:
    text = HEADER + row(0, "101,EndCall,08051234567") + row(1, "101,EndCall,") + row(2, "anonymous,102,")
    file = write(tmp_path, text, top="number_pattern = '([0-9+]+)'")

    assert calls(tmp_path, "callee_number") == [("+2348051234567",), ("EndCall",)]
    assert file.rejects_by_reason == {"invalid_caller": 1}


def test_an_outbound_row_without_a_caller_is_by_the_column_that_names_one_then(tmp_path: Path) -> None:
    text = HEADER + row(0, ",102,", "OUT,,,201") + row(1, ",102,", "IN,,,201") + row(2, "101,102,", "OUT,,,201")
    file = write(tmp_path, text, callers='outbound = "agent"')

    assert calls(tmp_path, "caller_number") == [("201",), ("101",)]
    assert file.rejects_by_reason == {"missing_caller": 1}


def test_a_served_device_is_the_callers_on_outbound_rows_alone(tmp_path: Path) -> None:
    text = HEADER + row(0, "101,102,") + row(1, "103,101,", "IN,35123400123456,L1,") + row(2, "101,102,", "XFER,35,L1,")
    write(tmp_path, text, direction="served_device = true")

    assert calls(tmp_path, "imei", "location_code") == [("35123400123456", "L1"), (None, None), ("35", "L1")]


def test_the_other_party_is_the_first_column_that_holds_one(tmp_path: Path) -> None:
    text = HEADER + row(0, "101,102,") + row(1, "101,,103", "IN,,,") + row(2, "101,,", "IN,,,")
    file = write(tmp_path, text, direction='subject = "from"\nother = ["to", "dialled"]')

    assert calls(tmp_path, "caller_number", "callee_number") == [("101", "102"), ("103", "101")]
    assert file.rejects_by_reason == {"missing_caller": 1}


LAYOUT = """delimiter = ","
header = "none"
layouts = [["from", "to", "dialled", "at", "seconds", "way", "imei", "cell", "agent"]]
"""


def test_rows_may_be_wider_than_the_layout(tmp_path: Path) -> None:
    text = row(0, "101,102,", "OUT,,,,x,y") + row(1, "101,103,", "OUT,,,,x,z") + row(2, "101,104,", "OUT,,,,x,y,z,w")
    file = write(tmp_path, text, rows=LAYOUT + "wider = true")

    assert calls(tmp_path, "callee_number") == [("102",), ("103",)]
    assert file.rejects_by_reason == {"ragged_row": 1}


def test_an_escaped_delimiter_belongs_to_its_field(tmp_path: Path) -> None:
    text = row(0, "101,102,", r"OUT,,Lagos\, Ikeja,") + row(1, "101,103,", "OUT,,Kano,") + "1\\,01,102\n"
    file = write(tmp_path, text, rows=LAYOUT + "escape = true")

    assert calls(tmp_path, "location_code") == [("Lagos, Ikeja",), ("Kano",)]
    rejected = Lake.open(tmp_path / "lake").snapshot().read("rejected_records")
    assert rejected["raw"].to_list() == ["1\\,01,102"]
    assert file.rejects_by_reason == {"ragged_row": 1}


def test_lines_that_mark_a_file_are_no_records(tmp_path: Path) -> None:
    text = "version=14\n" + row(0, "101,102,") + row(1, "101,103,") + "7,,End\n"
    file = write(tmp_path, text, rows=LAYOUT + "markers = 'version=.*|[^,]*,,End'")

    assert (file.records_inserted, file.records_rejected, file.lines_skipped) == (2, 0, {"marker": 2})


@pytest.mark.parametrize(
    ("top", "rows", "message"),
    [
        ("number_pattern = '[0-9]+'", "", "number_pattern = '[0-9]+' must be a regular expression with one group"),
        ("number_pattern = '([0-9'", "", r"must be a regular expression with one group"),
        ("number_pattern = '(?<=Ext)([0-9]+)'", "", "with one group, without look-around and back references"),
        ("", "markers = '('", r"[rows] markers = '(' must be a regular expression"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_named(tmp_path: Path, top: str, rows: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(BASE.format(caller='"from"', top=top, callers="", direction="", rows=rows), encoding="utf-8")

    with pytest.raises(DialectError) as caught:
        load_dialect(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ('[answered]\ncolumn = "res"\nvalues = ["ANSWERED"]', "[answered] values"),
        ('[rows]\nskip = { res = ["Message"] }', "[rows] skip"), ('[rows]\nkeep = { res = ["Speech"] }', "[rows] keep"),
        ('[direction]\ninbound = ["E"]\noutbound = ["S"]\nsubject = "x"\nother = "y"', "[direction]"),
    ],
)  # fmt: skip
def test_values_that_the_file_does_not_hold_are_said(tmp_path: Path, rule: str, place: str) -> None:
    fields = 'caller_number="x"\ncallee_number="y"\ncall_timestamp="t"\nduration_seconds="d"\ncall_direction="res"'
    (tmp_path / "own.toml").write_text(f'name="own"\n[fields]\n{fields}\n{rule}\n')
    text = headed("x,y,t,d,res", "A,B,T,45,VOI", "A,C,T,0,TXT")
    said = read(tmp_path, text, dialect=tmp_path / "own.toml").notice("holds nothing of that")
    assert said.startswith(place)
    assert "but 'voi', 'txt'" in said
