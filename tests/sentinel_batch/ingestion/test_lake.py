"""What the lake holds after ingests: duplicates, legs, rehearsals, options, block borders, dialects, standard input."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from thoroughness import slow_but

from sentinel_batch.ingestion import IngestResult, ingest
from sentinel_batch.ingestion.loading import deduplication, shelf
from sentinel_batch.ingestion.reading import blocks, source
from sentinel_batch.lake import Lake
from sentinel_batch.simulation import MockCDRGenerator

FIXTURES = Path(__file__).parent / "fixtures" / "cdr"
HEADER = "call_date,call_time,caller_number,callee_number,duration_seconds\n"
COUNTS = ("records_processed", "records_inserted", "duplicates_skipped", "legs_collapsed", "records_rejected")


def row(second: int, callee: int = 1, duration: int = 9) -> str:
    return f"2026-01-22,10:{second // 60:02}:{second % 60:02},+2348031234567,+23480512{callee:05},{duration}\n"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def counts(result: IngestResult) -> dict[str, int]:
    return {name: getattr(result, name) for name in COUNTS}


def table(lake: Path, *dropped: str) -> pl.DataFrame:
    frame = Lake.open(lake).snapshot().read("call_records").drop("processed_at", *dropped)
    return frame.sort("call_timestamp", "caller_number", "callee_number", "duration_seconds")


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# -- duplicates ----------------------------------------------------------------------------------------------


def test_duplicates_within_a_file_across_files_and_against_the_lake(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", HEADER + row(1) + row(2) + row(1) + row(1, duration=77))
    b = write(tmp_path / "b.csv", HEADER + row(2) + row(3) + row(3))
    c = write(tmp_path / "c.csv", HEADER + row(1) + row(2) + row(3) + row(4))
    first = ingest([a, b], lake=tmp_path / "lake")
    second = ingest(c, lake=tmp_path / "lake")
    assert [(file.records_inserted, file.duplicates_skipped) for file in first.files] == [(3, 1), (1, 2)]
    assert counts(second) == dict(zip(COUNTS, (4, 1, 3, 0, 0), strict=True))
    kept = table(tmp_path / "lake")
    assert kept.select("source_line", "duration_seconds").rows() == [(2, 9), (5, 77), (3, 9), (3, 9), (5, 9)]


def test_almost_equal_calls_are_no_duplicates(tmp_path: Path) -> None:
    rows = [row(1), row(1, callee=2), row(2), row(1).replace("567,", "568,"), "2026-01-23" + row(1)[10:]]
    assert ingest(write(tmp_path / "a.csv", HEADER + "".join(rows)), lake=tmp_path / "lake").records_inserted == 5


def test_one_call_in_two_spellings_is_a_duplicate(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    ingest(write(tmp_path / "a.csv", HEADER + row(1)), lake=lake)
    other = "call_timestamp,caller_number,callee_number,duration_seconds\n"
    other += "2026-01-22T09:00:01Z,0803 123 4567,0023480512 00001,9\n"
    assert counts(ingest(write(tmp_path / "b.csv", other), lake=lake))["duplicates_skipped"] == 1


def test_fractions_of_a_second_tell_calls_apart(tmp_path: Path) -> None:
    text = "call_timestamp,caller_number,callee_number,duration_seconds\n"
    stamps = ["09:00:01.000", "09:00:01.001", "09:00:01.000001", "09:00:01.999999", "09:00:01"]
    text += "".join(f"2026-01-22 {stamp},+2348031234567,+2348051234567,9\n" for stamp in stamps)
    lake = tmp_path / "lake"
    assert counts(ingest(write(tmp_path / "a.csv", text), lake=lake))["records_inserted"] == 4
    assert ingest(write(tmp_path / "b.csv", text + "\n"), lake=lake).records_inserted == 0


@pytest.mark.parametrize("held", [10**9, 500])
def test_duplicates_when_everything_spills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    monkeypatch.setattr(deduplication, "HELD_KEYS", held)
    monkeypatch.setattr(shelf, "PART_ROWS", held)
    monkeypatch.setattr(shelf, "SHELF_ROWS", held)
    monkeypatch.setattr(shelf, "REJECTS_HELD", min(held, 3))
    rows = [row(second) for second in range(3000)]
    a = write(tmp_path / "a.csv", HEADER + "".join(rows + rows[:900] + ["half\n"] * 20))
    b = write(tmp_path / "b.csv", HEADER + "".join(rows[2000:] + [row(second, callee=2) for second in range(50)]))
    result = ingest([a, b], lake=tmp_path / "lake")
    assert [(file.records_inserted, file.duplicates_skipped) for file in result.files] == [(3000, 900), (50, 1000)]
    assert result.records_rejected == 20
    assert table(tmp_path / "lake").select("caller_number", "callee_number", "call_timestamp").is_unique().all()
    assert Lake.open(tmp_path / "lake").snapshot().read("rejected_records").height == 20


def test_the_order_of_files_changes_no_call(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / f"{name}.csv", HEADER + "".join(row(second) for second in seconds))
        for name, seconds in {"a": range(60), "b": range(30, 90), "c": range(80, 100)}.items()
    ]
    ingest(paths, lake=tmp_path / "one")
    ingest(paths[::-1], lake=tmp_path / "two")
    where = ("ingest_id", "source_file", "source_line")
    assert table(tmp_path / "one", *where).equals(table(tmp_path / "two", *where))
    assert ingest(paths[::-1], lake=tmp_path / "one").records_inserted == 0
    assert table(tmp_path / "one").height == 100


def test_the_same_content_under_another_name(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", HEADER + row(1) + "half\n")
    b = write(tmp_path / "sub" / "b.csv", a.read_bytes())
    options: dict[str, Any] = {"lake": tmp_path / "lake", "max_reject_rate": 1.0}
    first, second = ingest(a, **options).files[0], ingest(b, **options).files[0]
    assert (first.status, second.status) == ("inserted", "already_ingested")
    assert first.ingest_id == second.ingest_id
    assert str(a) in second.notices[-1]
    assert (second.records_processed, second.duplicates_skipped, second.records_rejected) == (2, 1, 1)
    assert Lake.open(tmp_path / "lake").snapshot().read("rejected_records").height == 1


@pytest.mark.parametrize("options", [{"timezone": "UTC"}, {"region": "GH"}, {"dialect": "generic"}])
def test_other_options_are_another_ingest(tmp_path: Path, options: dict[str, Any]) -> None:
    a = write(tmp_path / "a.csv", HEADER + row(1))
    first = ingest(a, lake=tmp_path / "lake").files[0]
    second = ingest(a, lake=tmp_path / "lake", **options).files[0]
    assert first.ingest_id != second.ingest_id
    assert second.status == "inserted"
    assert second.records_inserted == 0


# -- legs ----------------------------------------------------------------------------------------------------


def leg(number: int, start: str, talk: int, call: str) -> str:
    outcome = "ANSWERED" if talk else "NO ANSWER"
    party = f'"",08031234567,0805123{number:04},ctx,"x","SIP/1","SIP/2",Dial,"d"'
    return f'{party},{start},,{start},30,{talk},{outcome},D,u{number},"",,{call},1\n'


def test_legs_within_a_file_across_files_and_against_the_lake(tmp_path: Path) -> None:
    lake = tmp_path / "lake # é"
    day = "2026-01-22 10:00:"
    same = leg(3, day + "01", 7, "c2")
    a = write(tmp_path / "a.csv", leg(1, day + "05", 0, "c1") + leg(2, day + "00", 40, "c1") + same)
    b = write(tmp_path / "b.csv", leg(4, day + "09", 90, "c1") + leg(5, day + "02", 7, "c3") + same)
    first = ingest([a, b], lake=lake)
    assert [file.dialect for file in first.files] == ["asterisk", "asterisk"]
    assert [(file.records_inserted, file.duplicates_skipped, file.legs_collapsed) for file in first.files] == [
        (2, 1, 1),
        (1, 2, 1),
    ]
    later = write(tmp_path / "c.csv", leg(6, "2026-02-22 10:00:00", 3, "c1"))
    assert ingest(later, lake=lake).records_inserted == 1
    calls = table(lake).select("callee_number", "duration_seconds", "answered").rows()
    assert calls[0] == ("+2348051230002", 40, True)
    assert len(calls) == 4
    assert ingest([a, b, later], lake=lake).records_inserted == 0


# -- rehearsal -----------------------------------------------------------------------------------------------


def test_a_rehearsal_counts_what_the_ingest_does_and_writes_nothing(tmp_path: Path) -> None:
    lake, options = tmp_path / "lake", {"max_reject_rate": 0.5}
    folder = tmp_path / "in"
    write(folder / "a.csv", HEADER + row(1) + row(2) + row(2) + "half\n")
    write(folder / "b.csv", HEADER + row(2) + row(3))
    write(folder / "c.txt", "prose\n")
    write(folder / "d.csv", HEADER + "half\n")
    before = ingest(folder, lake=lake, dry_run=True, **options)
    assert before.dry_run
    assert not lake.exists()
    ingest(write(tmp_path / "old.csv", HEADER + row(3)), lake=lake)
    held = snapshot(lake)
    rehearsal = ingest(folder, lake=lake, dry_run=True, **options)
    assert snapshot(lake) == held
    real = ingest(folder, lake=lake, **options)
    assert counts(rehearsal) == counts(real)
    assert rehearsal.records_refused == real.records_refused == 1
    assert [file.status for file in rehearsal.files] == [file.status for file in real.files]
    assert counts(before)["records_inserted"] == 3 and counts(real)["records_inserted"] == 2
    again = ingest(folder, lake=lake, dry_run=True, **options)
    assert [file.status for file in again.files][:2] == ["already_ingested"] * 2


def test_a_rehearsal_of_a_fresh_folder_that_is_no_lake(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    a = write(tmp_path / "a.csv", HEADER + row(1))
    assert ingest(a, lake=tmp_path / "lake", dry_run=True).records_inserted == 1
    assert list((tmp_path / "lake").iterdir()) == []


# -- block borders -------------------------------------------------------------------------------------------


def _quoted_newlines() -> bytes:
    head = HEADER.strip() + ",location_code\n"
    rows = [row(n).strip() + (f',"cell\n{n}\nx"\n' if n % 7 == 0 else f',"c {n}"\n') for n in range(200)]
    return (head + "".join(rows)).encode()


def _preamble_and_trailer() -> bytes:
    rows = "".join(row(n) for n in range(150))
    return ("Report of calls\nprinted at night\n\n" + HEADER + rows + "\nTotal,150\n# end of report\n").encode()


def _dirty() -> bytes:
    return MockCDRGenerator(3, dirty=0.3).generate_csv(300, 1, 60)[0].encode()


TEXTS = {
    "plain": lambda: (HEADER + "".join(row(n) for n in range(300))).encode(),
    "no final line end": lambda: (HEADER + "".join(row(n) for n in range(300))).encode().rstrip(),
    "cut short": lambda: (HEADER + "".join(row(n) for n in range(300))).encode()[:-20],
    "crlf": lambda: _dirty().replace(b"\n", b"\r\n"),
    "cr only": lambda: _dirty().replace(b"\n", b"\r"),
    "nul": lambda: _dirty().replace(b",", b"\x00,\x00").replace(b"\n", b"\r\x00\n"),
    "quoted newlines": _quoted_newlines,
    "quoted newlines, crlf": lambda: _quoted_newlines().replace(b"\n", b"\r\n"),
    "preamble and trailer": _preamble_and_trailer,
    "dirty": _dirty,
    "utf-16": lambda: _dirty().decode("latin-1").encode("utf-16"),
    "utf-16-be, crlf": lambda: b"\xfe\xff" + _dirty().replace(b"\n", b"\r\n").decode("latin-1").encode("utf-16-be"),
    "utf-16, odd byte": lambda: _quoted_newlines().decode().encode("utf-16") + b"\x0a",
    "windows-1252": lambda: _dirty().replace(b"LAG", b"L\xe9G"),
    "utf-8 bom": lambda: b"\xef\xbb\xbf" + _dirty().replace(b"LAG", "LÉG".encode()),
}


BORDERS = [(name, size) for name in TEXTS for size in (61, 500)]
"""Blocks that are shorter than most lines, and blocks of several lines."""

QUICK_BORDERS = [
    ("cut short", 500),
    ("crlf", 500),
    ("quoted newlines", 61),
    ("preamble and trailer", 500),
    ("dirty", 500),
    ("utf-16, odd byte", 500),
]


@pytest.mark.parametrize(("name", "size"), slow_but(QUICK_BORDERS, BORDERS))
def test_block_borders_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: int) -> None:
    path = write(tmp_path / "a.csv", TEXTS[name]())
    options: dict[str, Any] = {"max_reject_rate": 1.0}
    whole = ingest(path, lake=tmp_path / "whole", **options)
    assert whole.records_inserted > 100
    monkeypatch.setattr(blocks, "_LONGEST_TOP_UP", 7)
    monkeypatch.setattr(blocks, "_TAIL_BYTES", size - 1)
    monkeypatch.setattr(blocks.read_blocks, "__defaults__", (size,))
    monkeypatch.setattr("sentinel_batch.ingestion.reading.source.BLOCK_BYTES", size)
    monkeypatch.setattr("sentinel_batch.ingestion.reading.source.LEAST_BLOCK_BYTES", size)
    assert len(list(_blocks(path))) > 3
    lake = tmp_path / "blocks"
    parts = ingest(path, lake=lake, **options)
    assert counts(parts) == counts(whole)
    assert parts.files[0].lines_skipped == whole.files[0].lines_skipped
    assert parts.files[0].rejects_by_reason == whole.files[0].rejects_by_reason
    assert table(lake).equals(table(tmp_path / "whole"))
    places = (lake, tmp_path / "whole")
    rejects = [Lake.open(place).snapshot().read("rejected_records").sort("source_line") for place in places]
    assert rejects[0].equals(rejects[1])


def _blocks(path: Path) -> list[object]:
    opened = source.open_source(path, "a", None)
    assert opened is not None
    return list(opened.read())


@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("pack", [lambda data: gzip.compress(data, mtime=0), zstandard.compress], ids=["gzip", "zstd"])
def test_compressed_in_several_members(tmp_path: Path, pack: Any, frames: int) -> None:
    data = TEXTS["plain"]()
    size = len(data) // frames + 1
    packed = b"".join(pack(data[start : start + size]) for start in range(0, len(data), size))
    assert ingest(write(tmp_path / "a.csv.x.csv", packed), lake=tmp_path / "lake").records_inserted == 300


# -- dialects and standard input -----------------------------------------------------------------------------

MINE = """
name = "mine"
[rows]
delimiter = "|"
header = "none"
layouts = [["when", "skip", "who", "whom", "secs", "state"]]
[fields]
caller_number = "who"
callee_number = "whom"
call_timestamp = "when"
duration_seconds = "secs"
[time]
timezone = "Europe/Paris"
day_first = true
[answered]
column = "state"
values = "OK"
"""


def test_dialect_of_the_user(tmp_path: Path) -> None:
    dialect = write(tmp_path / "mine.toml", MINE)
    text = "03/07/2026 12:00:00|x|0612345678|0712345678|31|ok\n03/07/2026 12:01:00|x|0612345678|118|31|busy\n"
    result = ingest(write(tmp_path / "a.csv", text), lake=tmp_path / "lake", dialect=dialect, region="FR")
    assert result.files[0].dialect == "mine"
    rows = table(tmp_path / "lake").select(
        pl.col("call_timestamp").dt.to_string("iso"), "caller_number", "callee_number", "duration_seconds", "answered"
    )
    assert rows.rows() == [
        ("2026-07-03 10:00:00.000000+00:00", "+33612345678", "+33712345678", 31, True),
        ("2026-07-03 10:01:00.000000+00:00", "+33612345678", "118", 0, False),
    ]
    write(dialect, MINE.replace('"OK"', '"BUSY"'))
    again = ingest(tmp_path / "a.csv", lake=tmp_path / "lake", dialect=dialect, region="FR")
    assert (again.files[0].status, again.records_inserted) == ("inserted", 0)


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    data = (HEADER + row(1) + row(2)).encode()
    for inserted in (2, 0):
        stream = io.TextIOWrapper(io.BytesIO(gzip.compress(data) if packed else data))
        monkeypatch.setattr(sys, "stdin", stream)
        result = ingest("-", lake=tmp_path / "lake")
        assert (result.files[0].path, result.records_inserted) == ("-", inserted)
    assert table(tmp_path / "lake")["source_file"].unique().to_list() == ["-"]


# -- generated files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_dirty_file_adds_up_to_its_truth(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "x.csv"
    MockCDRGenerator(seed, dirty=0.05).save_to_file(path, total_records=4000, simbox_callers=2)
    truth = json.loads(path.with_suffix(".truth.json").read_text("utf-8"))
    result = ingest(path, lake=tmp_path / "lake")
    assert counts(result) == {
        "records_processed": truth["rows_written"],
        "records_inserted": truth["expected_distinct_valid_records"],
        "duplicates_skipped": truth["duplicate_rows"],
        "legs_collapsed": 0,
        "records_rejected": truth["rejected_rows"],
    }
    assert result.files[0].lines_skipped == {"header": 1, "blank": truth["trailing_blank_lines"]}
