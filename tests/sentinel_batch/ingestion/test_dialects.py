"""Dialects: the shipped ones find their files, and docs/dialects.md says what is true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from sentinel_batch.errors import DialectError, ExitCode, UsageError
from sentinel_batch.ingestion import ingest, list_dialects, load_dialect
from sentinel_batch.ingestion.dialects import parsing
from sentinel_batch.ingestion.documentation import main, render_page, render_reasons
from sentinel_batch.ingestion.reading.source import open_source
from sentinel_batch.ingestion.result import FileResult
from sentinel_batch.ingestion.shaping.rows import REASONS
from sentinel_batch.ingestion.values.durations import read_duration
from sentinel_batch.ingestion.values.timestamps import read_times
from sentinel_batch.lake import Lake
from sentinel_batch.numbers import normalise_number

PAGE = Path(__file__).parents[3] / "docs" / "dialects.md"
TEXT = PAGE.read_text(encoding="utf-8")
FIXTURES = Path(__file__).parent / "fixtures" / "cdr"
NAMES = [dialect.name for dialect in list_dialects()]

MOMENT, A, B = "2026-01-22 10:00:00", "08031234567", "08051234567"
ASTERISK = (
    f',{A},{B},ctx,"""Ade"" <{A}>",PJSIP/a,PJSIP/b,Dial,x,{MOMENT},{MOMENT},{MOMENT},40,35,ANSWERED,DOCUMENTATION'
)
FREESWITCH = f'"Ade","{A}","{B}","default","{MOMENT}","{MOMENT}","{MOMENT}","40","35","NORMAL_CLEARING","u1","",""'
CUCM = (
    "globalCallID_callManagerId,globalCallID_callId,callingPartyNumber,originalCalledPartyNumber,"
    "finalCalledPartyNumber,dateTimeOrigination,dateTimeConnect,duration\n"
)
MINIMAL = [
    ("sentinel", f"call_date,call_time,caller_number,callee_number,duration_seconds\n2026-01-22,10:00:00,{A},{B},35\n"),
    ("sentinel-timestamp", f"callee_number,caller_number,duration_seconds,call_timestamp\n{B},{A},35,{MOMENT}\n"),
    ("asterisk", f"calldate,src,dst,billsec,disposition\n{MOMENT},{A},{B},35,ANSWERED\n"),
    ("asterisk", ASTERISK + "\n"),
    ("asterisk", ASTERISK + ",1769.1\n"),
    ("asterisk", ASTERISK + ",1769.1,\n"),
    ("asterisk", ASTERISK + ",1769.1,,,1769.1,7\n"),
    (
        "freeswitch",
        f"caller_id_number,destination_number,start_stamp,billsec,hangup_cause\n{A},{B},{MOMENT},35,NORMAL_CLEARING\n",
    ),
    ("freeswitch", FREESWITCH + "\n"),
    ("freeswitch", FREESWITCH + ',"PCMU","PCMU"\n'),
    ("cisco-cucm", f"{CUCM}1,7,{A},{B},{B},1769072400,1769072405,35\n"),
    ("cisco-cucm", f"{CUCM}INTEGER,INTEGER,VARCHAR(50),VARCHAR(50),VARCHAR(50),INTEGER,INTEGER,INTEGER\n"
     f"1,7,{A},{B},,1769072400,1769072405,35\n"),
    ("twilio", f"sid,to,from,status,start_time,duration\nCA1,{B},{A},completed,2026-01-22 09:00:00,35\n"),
    ("generic", f"A Number;B Number;Start Time;Talk Time\n{A};{B};{MOMENT};35\n"),
    ("generic", f"Numéro SIM;Numéro appelé;Date heure;Durée secondes\n{A};{B};22/01/2026 10:00:00;35\n"),
]  # fmt: skip


def read(tmp_path: Path, text: str, dialect: str | Path | None = None, name: str = "calls.csv") -> FileResult:
    """Ingest one text into the lake of the test, in Lagos time."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    options = {"timezone": "Africa/Lagos", "region": "NG", "max_reject_rate": 1.0}
    return ingest(path, lake=tmp_path / "lake", dialect=dialect, **options).files[0]


def calls(tmp_path: Path) -> pl.DataFrame:
    return Lake.open(tmp_path / "lake").snapshot().read("call_records").sort("call_timestamp")


# -- the shipped dialects ------------------------------------------------------------------------------------


def test_every_shipped_file_is_loaded() -> None:
    folder = Path(parsing.__file__).parent / "shipped"
    assert sorted(NAMES) == sorted(path.stem for path in folder.glob("*.toml"))
    assert all(load_dialect(name).name == name for name in NAMES)
    assert all(dialect.description for dialect in list_dialects())
    assert len({dialect.fingerprint for dialect in list_dialects()}) == len(NAMES)


def test_every_dialect_has_a_minimal_file() -> None:
    layouts = json.loads((FIXTURES / "expected_layouts.json").read_text("utf-8"))
    assert {name for name, _ in MINIMAL} | {case["dialect"] for case in layouts} == set(NAMES)


@pytest.mark.parametrize(("name", "text"), MINIMAL)
def test_the_dialect_is_found(tmp_path: Path, name: str, text: str) -> None:
    file = read(tmp_path, text)
    assert (file.dialect, file.records_inserted, file.records_processed) == (name, 1, 1), file
    row = calls(tmp_path).row(0, named=True)
    assert (row["caller_number"], row["callee_number"]) == ("+2348031234567", "+2348051234567")
    assert row["call_timestamp"].isoformat() == "2026-01-22T09:00:00+00:00"
    assert (row["duration_seconds"], row["answered"]) == (35, True)


@pytest.mark.parametrize(("name", "text"), MINIMAL)
def test_the_dialect_can_be_named(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(text, encoding="utf-8")
    source = open_source(path, "calls.csv", load_dialect(name))
    assert source is not None
    assert (source.layout.dialect.name, source.count_rows()) == (name, 1)


def test_a_file_of_another_dialect_than_the_named_one_is_refused(tmp_path: Path) -> None:
    file = read(tmp_path, MINIMAL[0][1], dialect="twilio")
    assert file.error is not None
    assert "calls.csv:1: no dialect fits (tried twilio)" in file.error["message"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("asterisk", f"calldate,src,dst,billsec,disposition\n{MOMENT},{A},{B},35,NO ANSWER\n"),
        ("freeswitch", FREESWITCH.replace(f'"{MOMENT}","{MOMENT}","{MOMENT}","40","35"', f'"{MOMENT}","","","40","0"')),
        ("cisco-cucm", f"{CUCM}1,7,{A},{B},{B},1769072400,0,35\n"),
        ("twilio", f"sid,to,from,status,start_time,duration\nCA1,{B},{A},no-answer,2026-01-22 09:00:00,\n"),
        ("generic", f"A Number;B Number;Start Time;Talk Time\n{A};{B};{MOMENT};-1\n"),
    ],
)
def test_an_unanswered_call_has_no_talk_time(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, text).dialect == name
    assert calls(tmp_path).select("duration_seconds", "answered").rows() == [(0, False)]


# -- the page ------------------------------------------------------------------------------------------------


def test_the_tables_of_the_page_are_current() -> None:
    assert render_page(TEXT) == TEXT, "docs/dialects.md is stale: run make docs"


def test_every_dialect_and_reason_is_on_the_page() -> None:
    assert [name for name in NAMES if f"### {name}\n" not in TEXT] == []
    assert re.findall(r"^\| `(\w+)` \|", render_reasons(), re.MULTILINE) == list(REASONS)


def test_the_page_is_made_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(TEXT.replace("### twilio", "### gone"), encoding="utf-8")
    main([str(page)])
    assert page.read_text(encoding="utf-8") == TEXT
    assert capsys.readouterr().out == f"{page}\n"


def test_a_page_without_its_marks_is_an_error() -> None:
    with pytest.raises(UsageError, match="no part 'reasons'") as caught:
        render_page(TEXT.replace("<!-- begin reasons", "<!-- began reasons"))
    assert "<!-- begin reasons" in caught.value.hint
    with pytest.raises(UsageError, match="Got 0 arguments") as caught:
        main([])
    assert "docs/dialects.md" in caught.value.hint


def example(kind: str) -> str:
    blocks: list[str] = re.findall(rf"```{kind}\n(.*?)```", TEXT.split("## Your own dialect")[1], re.DOTALL)
    return blocks[0]


@pytest.mark.parametrize("headed", [True, False])
def test_the_worked_example(tmp_path: Path, headed: bool) -> None:
    (tmp_path / "harbour.toml").write_text(example("toml"), encoding="utf-8")
    text = example("csv") if headed else example("csv").split("\n", 1)[1]
    file = read(tmp_path, text, dialect=tmp_path / "harbour.toml")
    assert (file.dialect, file.records_inserted, file.legs_collapsed, file.records_rejected) == ("harbour", 3, 1, 0)
    assert file.notices == ["Columns that are not used: leg."]

    table = TEXT.split("The lake then holds")[1].split("Other keys")[0]
    wanted = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:3] == "| 2"]
    columns = ["caller_number", "callee_number", "duration_seconds", "answered", "call_direction", "call_id"]
    moment = pl.col("call_timestamp").dt.strftime("%Y-%m-%d %H:%M:%S")
    rows = calls(tmp_path).select(moment, *(pl.col(name).cast(pl.String) for name in columns)).rows()
    assert [list(row) for row in rows] == wanted
    assert len(wanted) == 3


def test_the_worked_example_names_every_key() -> None:
    allowed = {key for section in parsing.KEYS.values() for key in section}
    page = TEXT.split("## Your own dialect")[1]
    assert [key for key in allowed if not re.search(rf"\b{key}\b", page)] == []


def test_a_changed_dialect_reads_the_file_again(tmp_path: Path) -> None:
    dialect = tmp_path / "harbour.toml"
    dialect.write_text(example("toml"), encoding="utf-8")
    read(tmp_path, example("csv"), dialect=dialect)
    assert read(tmp_path, example("csv"), dialect=dialect).status == "already_ingested"
    dialect.write_text(example("toml") + "# a comment\n", encoding="utf-8")
    again = read(tmp_path, example("csv"), dialect=dialect)
    assert (again.status, again.records_inserted, again.duplicates_skipped) == ("inserted", 0, 4)


# -- what the page says --------------------------------------------------------------------------------------


def said(section: str) -> str:
    return TEXT.split(f"\n## {section}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("typed", "utc"),
    [
        ("2026-01-22 14:05:09", "13:05:09"),
        ("2026-1-2 9:05", "08:05:00"),
        ("20260122140509", "13:05:09"),
        ("22-Jan-2026 14:05:09", "13:05:09"),
        ("22-JAN-26 02.05.09.000000 PM", "13:05:09"),
        ("2026-01-22-14.05.09.123456", "13:05:09"),
        ("202601221405", "13:05:00"),
        ("260122140509", "13:05:09"),
        ("2601221405", "13:05:00"),
        ("Thu Jan 22 14:05:09 2026", "13:05:09"),
        ("Thu, 22 Jan 2026 14:05:09 +0100", "13:05:09"),
    ],
)
def test_times_of_the_page_are_read(typed: str, utc: str) -> None:
    [moment] = read_times(pl.Series([typed]), "Africa/Lagos", None)
    assert f"`{typed}`" in said("Times")
    assert moment is not None and moment.isoformat()[11:19] == utc


@pytest.mark.parametrize("typed", ["22-janvier-2026", "46044.5"])
def test_times_of_the_limits_are_rejected(tmp_path: Path, typed: str) -> None:
    assert f"`{typed}`" in said("Limits")
    time = f"{typed} 14:05:09" if typed.startswith("22") else typed
    file = read(tmp_path, f"A Number;B Number;Start Time;Talk Time\n{A};{B};{time};35\n{A};{B};{MOMENT};35\n")
    assert set(file.rejects_by_reason) <= {"bad_timestamp", "implausible_timestamp"}
    assert (file.records_inserted, file.records_rejected) == (1, 1)


@pytest.mark.parametrize(("typed", "seconds"), [("90", 90), ("90.5", 90), ("90 s", 90), ("1:30", 90), ("0:01:30", 90)])
def test_durations_of_the_page_are_read(typed: str, seconds: int) -> None:
    assert f"`{typed}`" in said("Durations")
    assert read_duration(typed) == seconds


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("+33 6 12 34 56 78", "e164"),
        ("0803-123 45 67", "e164"),
        ("8031234567", "e164"),
        ("002348031234567", "e164"),
        ("sip:+2348031234567@host", "e164"),
        ("*123#", "short_code"),
        ("sip:alice@host", "alphanumeric"),
        ("447911123456", "e164"),
        ("14155552671", "e164"),
        ("8031234567.0", "e164"),
        ("+2348991234567", "possible"),
        ("08991234567", "possible"),
        ("+22997123456", "former"),
        ("012345678", "former"),
        ("+99912345678", "impossible"),
        ("+2348031", "impossible"),
        ("4912345678", "ambiguous"),
        ("2.348E+12", "rounded"),
        ("withheld", "anonymous"),
        ("0447911123456", "unknown"),
        ("0700123456", "unknown"),
        ("070812345678", "unknown"),
        (r"\N", "missing"),
    ],
)
def test_numbers_of_the_page(typed: str, kind: str) -> None:
    row = next(line for line in said("Telephone numbers").splitlines() if f"`{typed}`" in line)
    assert normalise_number(typed, "NG")[1] == kind
    assert row.endswith("| rejected | |" if kind == "missing" else f"| `{kind}` |")


HEADED = "calldate,src,dst,billsec,disposition,linkedid\n"


def test_limit_a_leg_in_a_later_file_changes_nothing(tmp_path: Path) -> None:
    read(tmp_path, f"{HEADED}{MOMENT},{A},{B},5,ANSWERED,1.1\n")
    file = read(tmp_path, f"{HEADED}2026-01-22 09:59:50,{A},100,50,ANSWERED,1.1\n", name="later.csv")
    assert (file.records_inserted, file.legs_collapsed, file.duplicates_skipped) == (0, 1, 1)
    assert calls(tmp_path)["duration_seconds"].to_list() == [5]


def test_an_id_of_another_source_is_a_leg_only_if_they_share_a_number_within_a_day(tmp_path: Path) -> None:
    read(tmp_path, f"{HEADED}{MOMENT},{A},{B},5,ANSWERED,1.1\n")
    other = "08099999999"
    for day, callee, inserted in (("22", "08091234567", 1), ("22", B, 0), ("24", B, 1)):
        text = f"{HEADED}2026-01-{day} 12:00:00,{other},{callee},7,ANSWERED,1.1\n"
        assert read(tmp_path, text, name=f"{day}{callee}.csv").records_inserted == inserted


def test_limit_legs_chain(tmp_path: Path) -> None:
    rows = [f"2026-01-{day} 09:00:00,{A},{B},5,ANSWERED,1.1\n" for day in (20, 21, 22, 25)]
    file = read(tmp_path, HEADED + "".join(rows))
    assert (file.records_inserted, file.legs_collapsed) == (2, 2)


def test_limit_text_dates_in_parquet_need_the_option(tmp_path: Path) -> None:
    row = {"A Number": A, "B Number": B, "Start Time": "22/01/2026 10:00:00", "Talk Time": 5}
    pl.DataFrame([row]).write_parquet(tmp_path / "calls.parquet")
    options = {"lake": tmp_path / "lake", "max_reject_rate": 1.0}
    assert ingest(tmp_path / "calls.parquet", **options).files[0].rejects_by_reason == {"bad_timestamp": 1}
    assert ingest(tmp_path / "calls.parquet", day_first=True, **options).records_inserted == 1


# -- errors --------------------------------------------------------------------------------------------------


def test_an_unknown_name_lists_the_dialects() -> None:
    with pytest.raises(DialectError, match="no dialect 'nortel'") as caught:
        load_dialect("nortel")
    assert all(name in caught.value.message for name in NAMES)
    assert caught.value.hint == "Leave --dialect out to have it found in the file."
    assert (caught.value.code, caught.value.exit_code) == ("dialect", ExitCode.USAGE)


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(DialectError) as caught:
        load_dialect("freeswich")
    assert caught.value.hint == "Did you mean freeswitch?"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DialectError, match=r"gone\.toml cannot be read") as caught:
        load_dialect(tmp_path / "gone.toml")
    assert "UTF-8 TOML" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('delimiter = ";"', 'delimiter = "::"', r"mine\.toml: \[rows\] delimiter = '::'. Allowed: ',', ';', '\|'"),
        ('header = "optional"', 'header = "maybe"', "header = 'maybe'. Allowed: 'required', 'optional', 'none'"),
        ("day_first = true", 'day_first = "yes"', r"\[time\] day_first = 'yes' must be true or false"),
        ('caller_number = "A Number"', "caller_number = 1", "caller_number = 1 must be text or a list of texts"),
        ('call_timestamp = "Setup"', 'call_date = "Setup"', r"call_timestamp \(or call_date and call_time\)"),
        ("[legs]", "[leg]", "unknown key 'leg'. Allowed: answered, callers"),
        (
            "short_codes = true",
            "shortcodes = true",
            r"unknown key '\[callers\] shortcodes'. Allowed: outbound, short_codes",
        ),
        ('"Africa/Accra"', '"Africa/Acra"', "no time zone 'Africa/Acra'"),
        ('name = "harbour"', "", "'name' is missing"),
    ],
)
def test_a_mistake_in_the_worked_example_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = example("toml")
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        load_dialect(tmp_path / "mine.toml")
    assert caught.value.hint
