"""What a user reads when a file cannot be taken, and what the lake holds afterwards."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from batch_base.names import name_of, path_of
from sentinel_batch.errors import DialectError, ExitCode, LakeNotFoundError, NoInputError, UsageError
from sentinel_batch.ingestion import FileResult, ingest
from sentinel_batch.ingestion.reading.given import Given
from sentinel_batch.lake import Lake

HEADER = "call_date,call_time,caller_number,callee_number,duration_seconds\n"


def rows(count: int, start: int = 0) -> str:
    return "".join(
        f"2026-01-22,10:{n // 60 % 60:02}:{n % 60:02},+2348031234567,+23480512{n:05},{n % 90}\n"
        for n in range(start, start + count)
    )


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read_one(path: Path, lake: Path, **options: Any) -> FileResult:
    result = ingest(path, lake=lake, **options)
    assert len(result.files) == 1
    return result.files[0]


def assert_nothing_of_it(lake: Path, file: FileResult) -> None:
    """A refused file leaves nothing but its entry in the result."""
    opened = Lake.open(lake)
    for table in ("call_records", "rejected_records", "ingests"):
        assert opened.snapshot().read(table).filter(pl.col("source_file") == file.path).is_empty(), table
    assert (file.records_inserted, file.duplicates_skipped, file.records_rejected) == (0, 0, 0)
    assert file.records_refused == file.records_processed


# -- paths ---------------------------------------------------------------------------------------------------


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(NoInputError) as caught:
        ingest(tmp_path / "nothing-*.csv", lake=tmp_path / "lake")
    assert "nothing-*.csv" in caught.value.message
    assert "quote a glob" in caught.value.hint
    assert caught.value.exit_code == ExitCode.NO_INPUT
    assert not (tmp_path / "lake").exists()


def test_folder_without_records(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "readme.md", "no calls")
    write(tmp_path / "in" / ".hidden.csv", HEADER + rows(1))
    with pytest.raises(NoInputError) as caught:
        ingest(tmp_path / "in", lake=tmp_path / "lake")
    assert str(tmp_path / "in") in caught.value.message
    assert ".csv" in caught.value.hint and ".parquet" in caught.value.hint


def test_no_paths(tmp_path: Path) -> None:
    with pytest.raises(NoInputError) as caught:
        ingest([], lake=tmp_path / "lake")
    assert "no paths" in caught.value.message


def test_folder_named_like_a_file_is_searched(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").mkdir()
    write(tmp_path / "calls.csv" / "a.csv", HEADER + rows(2))
    assert ingest(tmp_path / "calls.csv", lake=tmp_path / "lake").records_inserted == 2


def test_one_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER + rows(2))
    assert len(ingest([path, path, tmp_path, f"{tmp_path}/*.csv"], lake=tmp_path / "lake").files) == 1


@pytest.mark.parametrize("name", ["[a]*?.csv", "naïve — é.csv", "-.csv", "a b%20c.csv", "new\nline.csv", "<b>'\".csv"])
def test_hostile_file_names(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, HEADER + rows(2))
    lake = tmp_path / "lake #1 100% é'"
    assert ingest(path, lake=lake).records_inserted == 2
    assert ingest(path, lake=lake).records_inserted == 0
    assert Lake.open(lake).snapshot().read("call_records")["source_file"].unique().to_list() == [name_of(path)]


def test_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv"))
    write(path, HEADER + rows(2) + "bad\n")
    result = ingest(tmp_path / ".", lake=tmp_path / "lake", max_reject_rate=1.0)
    assert (result.records_inserted, result.records_rejected) == (2, 1)
    result.files[0].path.encode()
    assert "caf" in result.files[0].path


def test_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "calls.pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write, args=(pipe, HEADER + rows(3)), daemon=True)
    writer.start()
    assert ingest(pipe, lake=tmp_path / "lake").records_inserted == 3
    writer.join()


@pytest.mark.parametrize("name", ["lake [1]", "la*ke", "a%20b", "a^b", "new\nline", "back\\slash", "\udcff"])
def test_lake_at_a_path_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.csv", HEADER + rows(1))
    with pytest.raises(LakeNotFoundError) as caught:
        ingest(path, lake=tmp_path / name)
    assert "A lake cannot be at" in caught.value.message
    assert "spaces and letters such as é are fine" in caught.value.hint
    caught.value.message.encode()
    assert not (tmp_path / name).exists()


# -- options -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said", "hint"),
    [
        ({"timezone": "Africa/Lagoss"}, "'Africa/Lagoss'", "IANA"),
        ({"region": "ZZ"}, "'ZZ'", "ISO 3166"),
        ({"max_reject_rate": 1.5}, "1.5", "0.05"),
        ({"max_reject_rate": -0.1}, "-0.1", "0.05"),
        ({"max_reject_rate": float("nan")}, "nan", "0.05"),
    ],
)
def test_options(tmp_path: Path, options: dict[str, Any], said: str, hint: str) -> None:
    path = write(tmp_path / "a.csv", HEADER + rows(1))
    with pytest.raises(UsageError) as caught:
        ingest(path, lake=tmp_path / "lake", **options)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code == ExitCode.USAGE
    assert not (tmp_path / "lake").exists()


# -- dialects ------------------------------------------------------------------------------------------------

FIELDS = '[fields]\ncaller_number="a"\ncallee_number="b"\nduration_seconds="d"\ncall_timestamp="t"\n'


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (
            'name = "x"\n[time]\ntimezone = "Africa/Lagoz"\n' + FIELDS,
            "[time] timezone = 'Africa/Lagoz'",
            "Africa/Lagos",
        ),
        ("name = [", "not valid TOML", "docs/dialects.md"),
        ('name = "x"\nfeilds = 1\n', "unknown key 'feilds'", "Did you mean fields?"),
        ('name = "x"\n[rows]\ndelimeter = ","\n' + FIELDS, "[rows] delimeter", "Did you mean delimiter?"),
        ('name = "x"\n[rows]\ndelimiter = "::"\n' + FIELDS, "delimiter = '::'", "default"),
        ('name = "x"\n[rows]\nheader = "none"\n' + FIELDS, "needs [rows] layouts", "layouts ="),
        (FIELDS, "'name' is missing", "docs/dialects.md"),
        ('name = "x"\n', "'fields' is missing", "docs/dialects.md"),
        ('name = "x"\n[fields]\ncaller_number = "a"\n', "must name columns", 'caller_number = ["src"]'),
        ('name = "x"\nrows = 3\n' + FIELDS, "[rows] must be a table", "docs/dialects.md"),
        ('name = "x"\n[time]\ntimezone = "Mars/Base"\n' + FIELDS, "'Mars/Base'", "IANA"),
        ('name = "x"\n[fields]\ncaller_number=1\n', "caller_number", ""),
        ('name = "x"\nrecognised_by = 3\n' + FIELDS, "recognised_by", ""),
        ('name = "x"\n[legs]\ncall_id = [1]\n' + FIELDS, "call_id", ""),
        ('name = "x"\n[answered]\ncolumn = 7\n' + FIELDS, "column", ""),
        ('name = "x"\n[answered]\nvalues = [1]\ncolumn = "c"\n' + FIELDS, "values", ""),
        ('name = "x"\n[direction]\ninbound = 1\n' + FIELDS, "inbound", ""),
        ('name = "x"\n[rows]\nlayouts = ["a"]\nheader = 1\n' + FIELDS, "header", ""),
        ('name = "x"\n[time]\nday_first = "yes"\n' + FIELDS, "day_first", ""),
        ("name = 5\n" + FIELDS, "name", ""),
    ],
)
def test_bad_dialect_file(tmp_path: Path, text: str, said: str, hint: str) -> None:
    dialect = write(tmp_path / "mine.toml", text)
    path = write(tmp_path / "a.csv", "t,a,b,d\n2026-01-22 10:00:00,+2348031234567,+2348051234567,9\n")
    with pytest.raises(UsageError) as caught:
        ingest(path, lake=tmp_path / "lake", dialect=dialect)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert not (tmp_path / "lake" / "call_records").exists()


def test_unknown_dialect_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER + rows(1))
    with pytest.raises(DialectError) as caught:
        ingest(path, lake=tmp_path / "lake", dialect="asterix")
    assert "'asterix'" in caught.value.message and "freeswitch" in caught.value.message
    assert caught.value.hint == "Did you mean asterisk?"


def test_dialect_file_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER + rows(1))
    for content in (None, b"name = '\xff'"):
        if content:
            write(tmp_path / "no.toml", content)
        with pytest.raises(DialectError) as caught:
            ingest(path, lake=tmp_path / "lake", dialect=tmp_path / "no.toml")
        assert "no.toml cannot be read" in caught.value.message
        assert "UTF-8 TOML" in caught.value.hint


def test_dialect_that_does_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER + rows(1))
    file = read_one(path, tmp_path / "lake", dialect="twilio")
    assert file.status == "refused" and file.error is not None
    assert file.error["code"] == "unrecognised_file"
    assert f"{path}:1" in file.error["message"] and "twilio" in file.error["message"]
    assert "call_date,call_time" in file.error["message"]
    assert "--dialect" in file.error["hint"]
    assert_nothing_of_it(tmp_path / "lake", file)


# -- files ---------------------------------------------------------------------------------------------------


def _truncated_gzip(text: str) -> bytes:
    packed = gzip.compress(text.encode(), mtime=0)
    return packed[: len(packed) * 2 // 3]


def _truncated_zstd(text: str) -> bytes:
    packed = zstandard.compress(text.encode())
    return packed[: len(packed) * 2 // 3]


def _damaged_gzip(text: str) -> bytes:
    packed = bytearray(gzip.compress(text.encode(), mtime=0))
    packed[-5] ^= 0xFF
    return bytes(packed)


def _damaged_zstd(text: str) -> bytes:
    packed = bytearray(zstandard.compress(text.encode()))
    packed[len(packed) // 2] ^= 0xFF
    return bytes(packed)


DAMAGES = {
    "truncated gzip": _truncated_gzip,
    "truncated zstd": _truncated_zstd,
    "gzip with a wrong checksum": _damaged_gzip,
    "damaged zstd": _damaged_zstd,
    "gzip of ten bytes": lambda text: gzip.compress(text.encode())[:10],
}


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("dates", ["iso", "ambiguous"])
def test_damaged_compression(tmp_path: Path, kind: str, dates: str) -> None:
    text = HEADER + rows(20_000)
    if dates == "ambiguous":
        text = text.replace("2026-01-22", "03/04/2026")
    path = write(tmp_path / "calls.csv.gz", DAMAGES[kind](text))
    file = read_one(path, tmp_path / "lake")
    assert (file.status, (file.error or {}).get("code")) == ("unreadable", "unreadable_file")
    assert file.error is not None
    assert str(path) in file.error["message"] and "damaged or cut short" in file.error["message"]
    assert "nothing of it was committed" in file.error["hint"]
    assert_nothing_of_it(tmp_path / "lake", file)


def _parquet(path: Path, count: int = 2000) -> bytes:
    pl.read_csv((HEADER + rows(count)).encode(), infer_schema=False).write_parquet(path, compression="uncompressed")
    return path.read_bytes()


def test_damaged_parquet(tmp_path: Path) -> None:
    data = _parquet(tmp_path / "good.parquet")
    half = len(data) // 2
    latin = data.replace(b"+2348031234567", b"+23480312345\x97\xe9")
    cuts = {"text": latin, "footer": data[:-100], "head": b"PAR1", "body": data[:4] + bytes(half) + data[half + 4 :]}
    for name, content in cuts.items():
        path = write(tmp_path / f"{name}.parquet", content)
        file = read_one(path, tmp_path / "lake")
        assert (file.status, (file.error or {}).get("code")) == ("unreadable", "unreadable_file"), name
        assert file.error is not None
        assert str(path) in file.error["message"] and file.error["hint"], name
        assert_nothing_of_it(tmp_path / "lake", file)


def test_ambiguous_dates(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER + rows(5).replace("2026-01-22", "03/04/2026"))
    file = read_one(path, tmp_path / "lake")
    assert file.error is not None
    assert (file.status, file.error["code"]) == ("refused", "ambiguous_dates")
    assert str(path) in file.error["message"] and "03/04/2026" in file.error["message"]
    assert "--day-first" in file.error["hint"] and "--month-first" in file.error["hint"]
    assert file.records_refused == 5
    assert_nothing_of_it(tmp_path / "lake", file)
    assert read_one(path, tmp_path / "lake", day_first=True).records_inserted == 5


def test_too_many_rejects(tmp_path: Path) -> None:
    nobody, never = "2026-01-22,10:00:00,,+2348051234567,1\n", "2026-13-22,10:00:00,+2348031234567,131,1\n"
    path = write(tmp_path / "a.csv", HEADER + rows(16) + nobody * 2 + never + "half\n")
    file = read_one(path, tmp_path / "lake")
    assert file.error is not None
    message = file.error["message"]
    assert (file.status, file.error["code"]) == ("refused", "reject_rate")
    assert f"{path}: 4 of 20 rows (20.0%) were rejected, --max-reject-rate allows 5.0%" in message
    assert "missing_caller: 2" in message and "bad_timestamp: 1" in message and "ragged_row: 1" in message
    assert [line.split(":")[1] for line in message.splitlines()[1:]] == ["18", "19", "20"]
    assert "a.csv:20: call_date '2026-13-22' and call_time '10:00:00': bad_timestamp" in message
    assert "--max-reject-rate" in file.error["hint"] and "dialect" in file.error["hint"]
    assert file.records_refused == 20
    assert_nothing_of_it(tmp_path / "lake", file)
    assert read_one(path, tmp_path / "lake", max_reject_rate=0.2).records_inserted == 16


def test_rejects_up_to_the_rate_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER + rows(19) + "half\n")
    assert read_one(path, tmp_path / "lake").records_rejected == 1


def test_strict(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER + rows(99) + "half\n")
    file = read_one(path, tmp_path / "lake", strict=True)
    assert file.error is not None
    assert file.error["code"] == "reject_rate"
    assert "1 of 100 rows (1.0%) were rejected, --strict allows none" in file.error["message"]
    assert_nothing_of_it(tmp_path / "lake", file)
    assert read_one(path, tmp_path / "lake").records_inserted == 99
    assert read_one(path, tmp_path / "lake", strict=True).status == "refused"
    assert Lake.open(tmp_path / "lake").snapshot().read("call_records").height == 99


def test_bad_files_do_not_stop_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "0 prose.txt", "Dear desk,\nno calls today.\n")
    write(folder / "1 cut.csv.gz", _truncated_gzip(HEADER + rows(5000)))
    write(folder / "2 good.csv", HEADER + rows(10))
    write(folder / "3 rejects.csv", HEADER + "half\n" * 3)
    write(folder / "4 good.csv", HEADER + rows(10, start=10))
    write(folder / "5 damaged.parquet", _parquet(tmp_path / "x.parquet")[:-50])
    write(folder / "6 dates.csv", HEADER + rows(3).replace("2026-01-22", "01/02/2026"))
    write(folder / "7 empty.csv", b"")
    write(folder / "8 header.csv", HEADER)
    write(folder / "9 good.csv", HEADER + rows(10, start=20))
    result = ingest(folder, lake=tmp_path / "lake")
    assert [(file.status, (file.error or {}).get("code")) for file in result.files] == [
        ("refused", "unrecognised_file"),
        ("unreadable", "unreadable_file"),
        ("inserted", None),
        ("refused", "reject_rate"),
        ("inserted", None),
        ("unreadable", "unreadable_file"),
        ("refused", "ambiguous_dates"),
        ("empty", None),
        ("empty", None),
        ("inserted", None),
    ]
    assert result.status == "partial"
    assert result.records_inserted == 30 == Lake.open(tmp_path / "lake").snapshot().read("call_records").height
    assert result.records_processed == result.records_inserted + result.records_refused
    for file in result.files:
        if file.error:
            assert_nothing_of_it(tmp_path / "lake", file)
    shutil.rmtree(folder)
    folder.mkdir()
    write(folder / "a.txt", "prose\n")
    assert ingest(folder, lake=tmp_path / "lake").status == "failed"


def test_file_that_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = write(tmp_path / "good.csv", HEADER + rows(2))
    gone = tmp_path / "gone.csv"
    from sentinel_batch.ingestion.loading import run

    monkeypatch.setattr(run, "find_files", lambda paths: [gone, good])
    result = ingest(tmp_path, lake=tmp_path / "lake")
    assert [file.status for file in result.files] == ["unreadable", "inserted"]
    assert str(gone) in (result.files[0].error or {})["message"]


def test_a_defect_met_in_one_file_costs_that_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, HEADER + rows(3, 3 * (name == "b.csv")))

    def fail(*values: Any) -> Any:
        if not met:
            met.append(values)
            raise NotImplementedError("no eq")
        return resolve(*values)

    from sentinel_batch.ingestion.loading import file

    resolve, met = file.resolve_source, []
    monkeypatch.setattr(file, "resolve_source", fail)
    first, second = ingest([tmp_path / "a.csv", tmp_path / "b.csv"], lake=tmp_path / "lake").files
    assert (first.status, second.status, second.records_inserted) == ("refused", "inserted", 3)
    assert first.error is not None and first.error["code"] == "defect"
    assert "NotImplementedError: no eq" in first.error["message"]


def test_a_line_without_end_is_refused_before_memory_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinel_batch.ingestion.reading.blocks.LONGEST_LINE", 40 << 20)
    path = tmp_path / "endless.csv"
    header = b"call_date,call_time,caller_number,callee_number,duration_seconds\n"
    path.write_bytes(header + b"2026-01-22,10:00:00,+2348031234567,+2348051234567,5\n" + b"x" * (70 << 20))

    (file,) = ingest(path, lake=tmp_path / "lake").files

    assert file.status == "unreadable"
    assert file.error is not None
    assert file.error["message"].endswith(
        "endless.csv cannot be read: line 3 is longer than 40 MB; this is no file of call detail records"
    )
    assert file.records_processed == file.records_refused


@pytest.mark.parametrize("name", [b"a\nb.csv", b"\x1b.csv", b"\xff.csv", "é 中.csv".encode(), b"a\\x41.csv"], ids=ascii)
def test_a_name_is_one_line_of_text_and_leads_back_to_its_file(tmp_path: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.write_text("x")
    assert name_of(path).encode("utf-8") and len(name_of(path).splitlines()) == 1
    assert path_of(name_of(path)) == path


def test_a_command_on_a_name_with_a_dash_takes_it_for_no_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Given("my.toml").type("ingest", "-x.csv", "--dry-run") == (
        "sentinel-batch ingest --dialect my.toml --dry-run -- -x.csv"
    )
    assert Given().type("ingest", "-", "--dry-run") == "sentinel-batch ingest - --dry-run"
    assert Given().type("dialects propose", "a\x1b b.csv") == r"sentinel-batch dialects propose $'a\e b.csv'"
