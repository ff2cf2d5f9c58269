"""A proposed dialect reads its file as the ingest does that found everything out; what comes near is named."""

from __future__ import annotations

import json
import shlex
import tomllib
from operator import attrgetter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from thoroughness import slow_but

from sentinel_batch.errors import NoInputError, UnrecognisedFileError
from sentinel_batch.ingestion import ingest, load_dialect, propose_dialect
from sentinel_batch.ingestion.reading.files import is_readable_kind
from sentinel_batch.ingestion.reading.source import SAMPLE_BYTES
from sentinel_batch.lake import Lake

FOLDER = Path(__file__).parent / "fixtures" / "cdr"
PATHS = sorted(path for path in FOLDER.rglob("*") if path.is_file() and is_readable_kind(path))
QUICK = {
    "asterisk_21_fields_legs.csv", "compressed.csv.gz", "cucm.csv", "day_first_ambiguous.csv",
    "delimiter_semicolon.csv", "empty.csv", "epoch_seconds.csv", "fixed_width.txt", "generic_french.csv",
    "header_alone.csv", "kamailio_flatstore.log", "k04_sms_data_as_calls.csv", "k10_headerless_taken_for_asterisk.csv",
    "msc_record_types.csv", "not_recognised_binary.csv", "not_recognised_other_table.csv", "preamble_and_trailer.csv",
    "tap3_decoded.csv", "typed.parquet", "utf16_le_bom.csv",
}  # fmt: skip
"""Files of the quick run: one of every kind of table, time and dialect that a proposal tells apart."""
OWN = ("ingest_id", "processed_at")
"""Columns that tell one ingest of a file from another."""


def _read(lake: Path) -> pl.DataFrame:
    calls = Lake.open(lake).snapshot().read("call_records").drop(OWN)
    return calls.select(sorted(calls.columns)).sort("source_line")


def _write(folder: Path, text: str, name: str = "calls.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "path",
    slow_but(QUICK, PATHS, attrgetter("name")),
    ids=[str(path.relative_to(FOLDER)) for path in PATHS],
)
def test_the_proposed_dialect_gives_the_same_records(path: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"max_reject_rate": 1.0}
    plain = ingest(path, lake=tmp_path / "plain", **options)
    (file,) = plain.files
    if file.status == "empty" and path.name != "header_alone.csv":
        with pytest.raises(NoInputError):
            propose_dialect(path)
        return
    if path.name in ("not_recognised_binary.csv", "not_recognised_prose.txt"):
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
    refused = ingest(path, lake=tmp_path / "refused").files[0].error
    if refused is not None and "caller_short_code" in file.rejects_by_reason:
        # A file that would be refused for its extensions is read with them.
        assert other.rejects_by_reason.items() <= file.rejects_by_reason.items()
        assert other.records_inserted + other.duplicates_skipped > file.records_inserted + file.duplicates_skipped
        return
    names = ("records_processed", "records_inserted", "duplicates_skipped", "legs_collapsed", "rejects_by_reason")
    for name in (*names, "skipped_by_type", "timezone", "lines_skipped"):
        assert getattr(other, name) == getattr(file, name), name
    assert _read(tmp_path / "proposed").equals(_read(tmp_path / "plain"))
    if proposal.layout is not None and proposal.layout.calls and not plain.legs_collapsed:
        stored = Lake.open(tmp_path / "plain").snapshot().read("call_records").to_dicts()
        for call in proposal.layout.calls:
            assert any(all(row[name] == value for name, value in call.items()) for row in stored)


LACKS_A_DURATION = """Caller,Callee,Start time,Network_Volume
08031230001,08051230001,2026-09-01 10:00:00,45
08031230001,08051230002,2026-09-01 10:02:00,30
"""


def test_what_generic_lacks_is_named_with_the_column_that_could_serve(tmp_path: Path) -> None:
    proposal = propose_dialect(_write(tmp_path, LACKS_A_DURATION))

    assert not proposal.recognised and not proposal.complete and proposal.missing == ()
    assert "generic lacks only a duration; Network_Volume holds whole numbers." in map(str, proposal.near_misses)
    assert list(proposal.guessed) == ["duration_seconds"]
    assert "GUESSED" in proposal.toml
    assert proposal.layout is not None
    assert [call["duration_seconds"] for call in proposal.layout.calls] == [45, 30]


@pytest.mark.parametrize(
    ("columns", "rows", "lacks"),
    [
        ("Caller,Start,Duration,Colour", "08031230001,2026-09-01 10:00:00,45,red", "callee_number"),
        ("Callee,Start,Duration,Colour", "08031230001,2026-09-01 10:00:00,45,red", "caller_number"),
        ("Caller,Callee,Duration,Colour", "08031230001,08051230001,45,red", "call_timestamp"),
        ("Caller,Callee,Start,Colour", "08031230001,08051230001,2026-09-01 10:00:00,red", "duration_seconds"),
    ],
)
def test_what_no_column_holds_is_missing_and_left_to_fill_in(
    tmp_path: Path, columns: str, rows: str, lacks: str
) -> None:
    path = _write(tmp_path, f"{columns}\n{rows}\n")
    proposal = propose_dialect(path)

    assert (proposal.missing, proposal.layout) == ((lacks,), None)
    assert proposal.near_misses[0].dialect == "generic" and proposal.near_misses[0].lacks == (lacks,)
    toml = _write(tmp_path, proposal.toml, "my.toml")
    assert load_dialect(toml).fields[lacks] == (f"fill_in_the_column_of_{lacks}",)
    (file,) = ingest(path, lake=tmp_path / "lake", dialect=toml).files
    assert file.error is not None and f"none for {lacks}" in file.error["message"]


def test_columns_that_mark_a_shipped_dialect_are_named_where_they_are_missing(tmp_path: Path) -> None:
    text = "src,dst,billsec,outcome,when it was\n101,08051230001,45,ANSWERED,2026-09-01 10:00:00\n"
    misses = {miss.dialect: miss for miss in propose_dialect(_write(tmp_path, text)).near_misses}

    assert misses["asterisk"].lacks_columns == ("disposition",)
    assert misses["asterisk"].lacks == ("call_timestamp",)
    assert misses["asterisk"].candidates == {"call_timestamp": {"when it was": "times"}}


def test_a_table_without_a_header_is_read_by_what_its_columns_hold(tmp_path: Path) -> None:
    text = (
        "x;2026-09-01 10:00:00;08031230001;08051230001;0:00:45\nx;2026-09-01 10:05:00;08031230001;08051230002;0:01:30\n"
    )
    path = _write(tmp_path, text)
    proposal = propose_dialect(path)

    toml = _write(tmp_path, proposal.toml, "my.toml")
    (file,) = ingest(path, lake=tmp_path / "lake", dialect=toml).files
    assert file.records_inserted == 2
    assert _read(tmp_path / "lake")["duration_seconds"].to_list() == [45, 90]


def test_names_of_columns_can_hold_anything(tmp_path: Path) -> None:
    header = '"Note ""] = \\ \'\'\' {{ 7*7 }} # <script>","Cal\x1b[31mler\u202e",Callee,Start time,"Seconds\x7f"'
    row = '"""]\\ # {{ x }} <img src=x>",08031230001,08051230001,2026-09-01 10:00:00,45'
    path = _write(tmp_path, f"{header}\n{row}\n{row}\n", "'<b>\n[x].csv")
    proposal = propose_dialect(path)

    toml = _write(tmp_path, proposal.toml, "my.toml")
    assert load_dialect(toml).fields["callee_number"] == ("callee",)
    assert all(line.isprintable() for line in proposal.toml.split("\n"))
    html = proposal._repr_html_()
    assert "<script" not in html and "<img" not in html and "<b>\n" not in html
    json.dumps(proposal.to_dict())


def test_values_in_a_dialect_are_escaped(tmp_path: Path) -> None:
    text = 'Caller,Callee,Start time,Duration,Res"ult\n08031230001,08051230001,2026-09-01 10:00:00,45,A\n'
    own = """
    name = "own"
    [rows]
    skip = { 'Res"ult' = ['x"\\ # y', "{{ z }}"] }
    [fields]
    caller_number = "Caller"
    callee_number = "Callee"
    call_timestamp = "Start time"
    duration_seconds = "Duration"
    """
    dialect = _write(tmp_path, own, "own.toml")
    proposal = propose_dialect(_write(tmp_path, text), dialect=dialect)

    assert load_dialect(_write(tmp_path, proposal.toml, "my.toml")).skip == load_dialect(dialect).skip
    assert tomllib.loads(proposal.toml)["rows"]["skip"].keys() == {'Res"ult'}


def test_only_the_first_lines_are_read(tmp_path: Path) -> None:
    head = "Caller,Callee,Start time,Duration\n" + "08031230001,08051230001,2026-09-01 10:00:00,45\n" * 6000
    assert len(head) > SAMPLE_BYTES
    whole, cut = _write(tmp_path, head), tmp_path / "cut.csv"
    cut.write_bytes(head.encode() + b"\xff\x00 no call \n" * 50)

    one, two = propose_dialect(whole), propose_dialect(cut)

    assert one.layout is not None and two.layout is not None
    assert one.layout.calls == two.layout.calls and one.layout.notices == two.layout.notices


def test_a_dialect_of_ones_own_that_does_not_fit_says_what_was_meant(tmp_path: Path) -> None:
    path = _write(tmp_path, LACKS_A_DURATION.replace("Network_Volume", "Talk"))
    own = """
    name = "own"
    [fields]
    caller_number = "Caller"
    callee_number = "Calee"
    call_timestamp = "Start time"
    duration_seconds = "Talk"
    """
    (file,) = ingest(path, lake=tmp_path / "lake", dialect=_write(tmp_path, own, "own.toml")).files

    assert file.error is not None
    assert "The file has no column calee. Did you mean callee?" in file.error["hint"]
    assert f"sentinel-batch dialects show {shlex.quote(str(path))}" in file.error["hint"]
    proposal = propose_dialect(path, dialect=tmp_path / "own.toml")
    assert any("Did you mean callee?" in notice for notice in proposal.notices)


@pytest.mark.parametrize("caller", ["caller", "extension"])
def test_callers_that_are_extensions_are_allowed_by_what_is_proposed(tmp_path: Path, caller: str) -> None:
    text = f"{caller},callee,start_time,duration\n201,08051230001,2026-09-01 10:00:00,45\n"
    path = _write(tmp_path, text)
    proposal = propose_dialect(path)
    assert tomllib.loads(proposal.toml)["callers"] == {"short_codes": True}
    toml = _write(tmp_path, proposal.toml, "my.toml")
    (file,) = ingest(path, lake=tmp_path / "lake", dialect=toml).files
    assert (file.records_inserted, file.error) == (1, None)
    (plain,) = ingest(path, lake=tmp_path / "plain").files
    assert plain.error is None or "[callers] short_codes = true" in plain.error["hint"]


def test_a_few_callers_that_are_extensions_are_allowed_too_if_the_file_is_refused_for_them(tmp_path: Path) -> None:
    row = "08031230001,08051230001,2026-09-01 10:00:00,45"
    path = _write(tmp_path, f"caller,callee,start_time,duration\n{row}\n{row}\n305{row[11:]}\n")
    assert tomllib.loads(propose_dialect(path).toml)["callers"] == {"short_codes": True}
    calm = _write(tmp_path, "caller,callee,start_time,duration\n" + f"{row}\n" * 60 + f"305{row[11:]}\n", "calm.csv")
    assert "callers" not in tomllib.loads(propose_dialect(calm).toml)


def test_another_column_with_the_whole_numbers_of_callers_is_named(tmp_path: Path) -> None:
    text = (
        "caller,caller_normalised,callee,start_time,duration\n201,+2348031230001,08051230001,2026-09-01 10:00:00,45\n"
    )
    (file,) = ingest(_write(tmp_path, text), lake=tmp_path / "lake").files
    assert file.error is not None
    assert "Column caller_normalised holds whole numbers" in file.error["hint"]


@pytest.mark.parametrize(
    ("column", "words", "field", "taken"),
    [
        ("Zust", ["beantwortet", "besetzt", "verbunden"], "termination_cause", "Zust"),
        ("Sentido de x", ["saliente", "recibida", "saliente"], "call_direction", "Sentido de x"),
        ("Farbe", ["rot", "blau", "rot"], "termination_cause", None),
    ],
)
def test_words_tell_which_column_holds_outcomes_and_directions(
    tmp_path: Path, column: str, words: list[str], field: str, taken: str | None
) -> None:
    rows = [f"08031230001;08051230001;2026-09-01 10:0{at}:00;4{at};{word}" for at, word in enumerate(words)]
    proposal = propose_dialect(_write(tmp_path, "\n".join([f"Nr A x;Nr B x;Quando;Tempo;{column}", *rows, ""])))
    assert tomllib.loads(proposal.toml)["fields"].get(field) == taken
    assert (field in proposal.guessed) == (taken is not None)


def test_words_tell_which_rows_are_no_calls(tmp_path: Path) -> None:
    rows = ["08031230001;08051230001;2026-09-01 10:00:00;45;Voz", "08031230001;08051230001;2026-09-01 10:01:00;0;SMS"]
    path = _write(tmp_path, "\n".join(["Nr A x;Nr B x;Quando;Tempo;Klasse", *rows, ""]))
    proposal = propose_dialect(path)
    assert (
        tomllib.loads(proposal.toml)["rows"]["skip"] == {"Klasse": ["@not-calls"]}
        and "Klasse: GUESSED" in proposal.toml
    )
    toml = _write(tmp_path, proposal.toml, "my.toml")
    (file,) = ingest(path, lake=tmp_path / "lake", dialect=toml).files
    assert (file.records_inserted, file.skipped_by_type) == (1, {"SMS": 1})


@pytest.mark.parametrize(
    ("header", "rows", "fed"),
    [
        ("id;A-no;B-no;when;sip code;hang-up end", ["1;T;486;E", "2;T;200;E"], ("end_timestamp", "hang-up end")),
        ("id;A-no;B-no;when;until;x;y", ["1;T;E;9;45", "2;T;E;8;45"], ("duration_seconds", "y")),
        (
            "id;A-no;B-no;when;cost;total length;rated length",
            ["1;T;0.1;50;45", "2;T;0.2;9;7"],
            ("duration_seconds", "rated length"),
        ),
        ("id;A-no;B-no;when;sip code;ref", ["1;T;486;7", "2;T;200;9"], ("duration_seconds", "FILL IN")),
    ],
)
def test_codes_and_running_numbers_are_no_durations(
    tmp_path: Path, header: str, rows: list[str], fed: tuple[str, str]
) -> None:
    parties = "08031230001;08051230001"
    lines = [row.replace(";T;", f";{parties};2026-09-01 10:00:00;").replace("E", "2026-09-01 10:00:45") for row in rows]
    proposal = propose_dialect(_write(tmp_path, "\n".join([header, *lines, ""])))
    assert tomllib.loads(proposal.toml)["fields"][fed[0]].startswith(fed[1])


def test_mistyped_columns_and_values_of_a_dialect_are_noticed(tmp_path: Path) -> None:
    text = (
        "Caller,Callee,Start time,Talk,Result,Kind\n"
        + "08031230001,08051230001,2026-09-01 10:00:00,45,TALKED,MOC\n" * 2
    )
    own = """
    name = "own"
    [rows]
    keep = { Kind = ["MOC", "MTC"] }
    skip = { Knid = ["SMS"] }
    [fields]
    caller_number = "Caller"
    callee_number = "Callee"
    call_timestamp = "Start time"
    duration_seconds = "Talk"
    termination_cause = "Reslt"
    [answered]
    column = "Result"
    values = ["TALKD"]
    """
    path, dialect = _write(tmp_path, text), _write(tmp_path, own, "own.toml")
    (file,) = ingest(path, lake=tmp_path / "lake", dialect=dialect).files

    said = [notice for notice in file.notices if "Did you mean" in notice]
    assert said == [
        "[fields] termination_cause of the dialect names reslt, which the file does not have. Did you mean result?",
        "[rows] skip of the dialect names knid, which the file does not have. Did you mean kind?",
        "[answered] values of the dialect names 'talkd', which result does not hold in the first rows. "
        "Did you mean 'talked'?",
    ]


def test_an_unrecognised_file_names_the_next_command(tmp_path: Path) -> None:
    path = _write(tmp_path, LACKS_A_DURATION, "my calls.csv")
    (file,) = ingest(path, lake=tmp_path / "lake").files

    assert file.error is not None
    for command in ("show {}", "propose {} --out my.toml"):
        assert f"sentinel-batch dialects {command.format(shlex.quote(str(path)))}" in file.error["hint"]


def test_a_dry_run_shows_how_each_file_is_read_and_a_run_does_not(tmp_path: Path) -> None:
    path = FOLDER / "generic_french.csv"
    (file,) = ingest(path, lake=tmp_path / "lake", dry_run=True).files

    view = propose_dialect(path).layout
    assert view is not None and file.preview is not None
    assert json.loads(json.dumps(file.preview)) == view.to_dict()
    assert file.preview["calls"]
    (loaded,) = ingest(path, lake=tmp_path / "lake").files
    assert loaded.preview is None


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="no file"):
        propose_dialect(tmp_path)


PAGE = Path(__file__).parents[3] / "docs" / "dialects.md"


def test_the_walk_through_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = PAGE.read_text("utf-8").split("\n## A dialect in minutes\n")[1].split("\n## ")[0]
    text, toml = (section.split(f"```{kind}\n")[1].split("```")[0] for kind in ("csv", "toml"))
    monkeypatch.chdir(tmp_path)
    _write(tmp_path, text, "night.csv")

    proposal = propose_dialect("night.csv")
    assert proposal.to_toml() == toml, "docs/dialects.md does not show what is proposed now"
    assert " ".join(section.split()).count(str(proposal.near_misses[0])) == 2
    _write(tmp_path, toml, "night.toml")
    (file,) = ingest("night.csv", lake=tmp_path / "lake", dialect="night.toml").files
    assert (file.records_inserted, file.notices) == (3, [])
    wanted = [[cell.strip() for cell in row.strip("|").split("|")] for row in section.splitlines() if row[:3] == "| 2"]
    columns = ["caller_number", "callee_number", "duration_seconds", "answered"]
    moment = pl.col("call_timestamp").dt.strftime("%Y-%m-%d %H:%M:%S")
    calls = _read(tmp_path / "lake").select(moment, *(pl.col(name).cast(pl.String) for name in columns))
    assert [list(row) for row in calls.rows()] == wanted
