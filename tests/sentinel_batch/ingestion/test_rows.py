"""What is a call and who made it: record types, parties, columns that compete, files without a header, quotes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel_batch.errors import DialectError
from sentinel_batch.ingestion import load_dialect
from sentinel_batch.lake import Lake
from tests.sentinel_batch.ingestion.layout_samples import A_E164, B_E164, C_E164, FOLDER, MOMENT, A, B, headed, read

CALL = "caller,callee,start_time,duration"
FIELDS = '[fields]\ncaller_number = "x"\ncallee_number = "y"\ncall_timestamp = "t"\nduration_seconds = "d"\n'


def own(folder: Path, text: str) -> Path:
    (folder / "own.toml").write_text(f'name = "own"\n{text}')
    return folder / "own.toml"


# -- record types --------------------------------------------------------------------------------------------


def test_messages_and_data_are_skipped_by_type(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "k04_sms_data_as_calls.csv")
    assert done.rows("callee_number", "duration_seconds") == [(B_E164, 45)]
    assert (done.file.records_skipped, done.file.skipped_by_type) == (2, {"SMS": 1, "DATA": 1})
    assert done.calls["call_direction"].to_list() == [None]


def test_a_group_of_messages_is_no_group_of_calls(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "k27_sms_group_false_alarm.csv")
    assert (done.file.records_processed, done.calls.height, done.file.skipped_by_type) == (61, 1, {"SMS": 60})


@pytest.mark.parametrize(
    ("column", "kind", "skipped"),
    [
        ("type_service", "Données", True), ("type_appel", "SMS-MO", True), ("record_type", "GPRS", True),
        ("service", "ussd", True), ("usage_type", "Texto", True), ("event_type", "PS Data", True),
        ("type_service", "Appel voix", False), ("record_type", "MOC", False), ("call_type", "Incoming", False),
        ("service", "Voice/data", False), ("type", "", False), ("call_type", "Datan", False),
    ],
)  # fmt: skip
def test_generic_knows_the_usual_types(tmp_path: Path, column: str, kind: str, skipped: bool) -> None:
    done = read(tmp_path, headed(f"{CALL},{column}", f"A,B,T,9,{kind}"))
    assert done.file.skipped_by_type == ({kind: 1} if skipped else {})


@pytest.mark.parametrize(
    ("rule", "skipped"),
    [
        ('keep = { "Rec Type" = ["MOC", "MTC"] }', {"SMMO": 1, "ROAM": 1, "(empty)": 1}),
        ('skip = { rec_type = "SMMO" }', {"SMMO": 1}),
        ('skip = { rec_type = ["roam", "@not-calls"] }', {"ROAM": 1, "SMMO": 1}),
        ('keep = { rec_type = ["MOC", "SMMO"] }\nskip = { rec_type = "SMMO" }', {"ROAM": 1, "(empty)": 1, "SMMO": 1}),
    ],
)
def test_a_dialect_says_which_rows_are_calls(tmp_path: Path, rule: str, skipped: dict[str, int]) -> None:
    text = headed("Rec Type;x;y;t;d", "moc;A;B;T;1", "SMMO;A;B;T;2", "ROAM;A;C;T;3", ";B;C;T;4", delimiter=";")
    done = read(tmp_path, text, dialect=own(tmp_path, f"[rows]\n{rule}\n{FIELDS}"))
    assert done.file.skipped_by_type == skipped
    assert done.calls.height + done.file.duplicates_skipped == 4 - sum(skipped.values())


def test_the_lake_remembers_what_was_skipped(tmp_path: Path) -> None:
    source = FOLDER / "k04_sms_data_as_calls.csv"
    read(tmp_path, source)
    (row,) = Lake.open(tmp_path / "lake").snapshot().read("ingests").iter_rows(named=True)
    assert (row["records_skipped"], json.loads(row["skipped_by_type"])) == (2, {"SMS": 1, "DATA": 1})
    again = read(tmp_path, source).file
    assert (again.status, again.records_skipped, again.duplicates_skipped) == ("already_ingested", 2, 1)
    assert again.skipped_by_type == {"SMS": 1, "DATA": 1}


def test_many_types_are_listed_together(tmp_path: Path) -> None:
    rows = [f"A,B,T,9,sms {place}" for place in range(50)]
    done = read(tmp_path, headed(f"{CALL},record_type", *rows))
    assert len(done.file.skipped_by_type) == 21
    assert done.file.skipped_by_type["(other)"] == 30


def test_a_refused_file_has_skipped_nothing(tmp_path: Path) -> None:
    text = headed(f"{CALL},record_type", "A,B,T,9,SMS", "A,B,soon,9,CALL")
    file = read(tmp_path, text, strict=True).file
    assert (file.status, file.records_refused, file.records_skipped) == ("refused", 2, 0)


# -- parties -------------------------------------------------------------------------------------------------


def test_on_incoming_rows_of_a_subject_the_other_called(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "k05_party_relative_to_direction.csv")
    assert done.rows("caller_number", "callee_number") == [
        (A_E164, B_E164), (C_E164, A_E164), ("+2348051230003", A_E164),
    ]  # fmt: skip
    assert done.notice("a_party is the party that a row is about")


@pytest.mark.parametrize(
    ("inbound", "outbound"),
    [("inbound", "outbound"), ("Inbound", "Outbound"), ("0", "1"), ("->", "<-"), ("", ""), ("", "outbound")],
)
@pytest.mark.parametrize("header", ["caller,callee,direction", "subscriber,other_party,direction", "own"])
def test_any_words_of_direction_let_a_file_be_read(tmp_path: Path, header: str, inbound: str, outbound: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'name = "own"\n[fields]\ncaller_number = "subscriber"\ncallee_number = "other_party"\n'
        'call_timestamp = "start_time"\nduration_seconds = "duration"\ncall_direction = "direction"\n'
        '[direction]\nsubject = "subscriber"\nother = "other_party"\n[callers]\noutbound = "account"\n'
    )
    options = {"dialect": own} if header == "own" else {}
    columns = "subscriber,other_party,direction" if header == "own" else header
    rows = [f"A,B,{inbound},{MOMENT},45,A", f"A,B,{outbound},{MOMENT},46,A"]
    assert read(tmp_path, headed(f"{columns},start_time,duration,account", *rows), **options).file.records_inserted == 2


def test_headers_say_who_a_row_is_about(tmp_path: Path) -> None:
    text = headed("msisdn,other_party,date_time,duration,call_direction", "A,B,T,9,Incoming", "A,C,T,9,Emis")
    assert sorted(read(tmp_path, text).rows("caller_number", "callee_number")) == [(A_E164, C_E164), (B_E164, A_E164)]


@pytest.mark.parametrize(
    "rows",
    [
        ["A,B,T,9,MO", "A,B,T,9,MT", "B,A,2026-09-01 11:00:00,9,MO", "B,A,2026-09-01 11:00:00,9,MT"],  # both halves
        ["A,B,T,9,OUT", "C,A,T,9,IN", "A,C,2026-09-01 11:00:00,9,OUT"],  # a switch's trunks
        ["A,B,T,9,OUT", "A,C,T,9,OUT"],
        ["A,B,T,9,IN", "A,C,T,9,IN"],
    ],
)
def test_elsewhere_the_first_party_called(tmp_path: Path, rows: list[str]) -> None:
    done = read(tmp_path, headed("a_party,b_party,start_time,duration,direction", *rows))
    names = {"A": A_E164, "B": B_E164, "C": C_E164}
    assert set(done.rows("caller_number", "callee_number")) == {(names[row[0]], names[row[2]]) for row in rows}


def test_a_dialect_says_who_a_row_is_about(tmp_path: Path) -> None:
    rule = (
        '[fields]\ncall_timestamp = "t"\nduration_seconds = "d"\ncall_direction = "way"\n'
        '[direction]\nsubject = "Own"\nother = "Other"\ninbound = ["E"]\noutbound = ["S"]\n'
    )
    text = headed("Own;Other;t;d;way", "A;B;T;1;E", "A;C;T;2;S", "A;B;T;3;X", delimiter=";")
    done = read(tmp_path, text, dialect=own(tmp_path, rule))
    found = sorted(done.rows("duration_seconds", "caller_number", "callee_number"))
    assert found == [(1, B_E164, A_E164), (2, A_E164, C_E164), (3, A_E164, B_E164)]
    assert "'x'" in done.notice("Directions that are not understood")


# -- columns that compete ------------------------------------------------------------------------------------


def test_the_column_of_a_number_comes_before_an_address(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "k15_first_of_two_callers.csv")
    assert done.rows("caller_number", "duration_seconds") == [(A_E164, 33)]
    said = done.notice("several columns")
    assert "from caller_id_number, not from from" in said and "billing_seconds, not from duration_seconds" in said


def test_the_caller_comes_before_the_trunk(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "k16_source_is_trunk.csv")
    assert {caller for (caller,) in done.rows("caller_number")} == {f"+234803123000{place}" for place in (1, 2, 3)}
    assert "read from cli, not from source" in done.notice("several columns")


def test_a_start_comes_before_a_timestamp(tmp_path: Path) -> None:
    text = headed("caller,callee,timestamp,start_time,duration", f"A,B,2026-09-01 12:00:00,{MOMENT},9")
    done = read(tmp_path, text)
    assert done.clocks == ["2026-09-01 09:00:00"]
    assert "from start_time, not from timestamp" in done.notice("several columns")


def test_a_column_that_holds_nothing_does_not_compete(tmp_path: Path) -> None:
    done = read(tmp_path, headed("cli,source,callee,start_time,duration", ",A,B,T,9"))
    assert done.rows("caller_number") == [(A_E164,)]


def test_a_withheld_caller_is_not_replaced_by_the_trunk(tmp_path: Path) -> None:
    done = read(tmp_path, headed("cli,source,callee,start_time,duration", "A,08001230000,B,T,9", ",08001230000,B,T,9"))
    assert done.file.rejects_by_reason == {"missing_caller": 1}


# -- without a header ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(7))
def test_what_is_read_under_a_header_is_read_without(tmp_path: Path, place: int) -> None:
    source = FOLDER / f"k29_{place:02d}.csv"
    done = read(tmp_path, source, dialect=FOLDER / "k29_headerless.toml")
    assert done.rows("caller_number", "callee_number", "duration_seconds") == [
        (A_E164, B_E164, 45), (A_E164, C_E164, 46),
    ]  # fmt: skip
    rule = (FOLDER / "k29_headerless.toml").read_text().replace('header = "none"', 'header = "required"')
    (tmp_path / "headed.toml").write_text(rule)
    under = read(tmp_path / "headed", "a|b|start|dur\n" + source.read_text(), dialect=tmp_path / "headed.toml")
    assert under.clocks == done.clocks


def test_a_flat_store_is_read(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "kamailio-flatstore.log", dialect=FOLDER / "kamailio.toml")
    assert done.rows("caller_number", "callee_number", "duration_seconds", "answered") == [
        ("+2348012345678", "+2348031234567", 2, True)
    ]
    assert done.clocks == ["2026-11-28 22:54:48"]
    assert not done.notice("taken for seconds")


@pytest.mark.parametrize("dialect", [None, "asterisk"])
def test_the_number_of_columns_alone_makes_no_dialect(tmp_path: Path, dialect: str | None) -> None:
    file = read(tmp_path, FOLDER / "k10_headerless_taken_for_asterisk.csv", dialect=dialect).file
    assert file.error is not None and file.error["code"] == "unrecognised_file"
    if dialect:
        assert "k10_headerless_taken_for_asterisk.csv:1:" in file.error["message"]
        assert "from disposition, which holds 'G722'" in file.error["message"]
    assert "sentinel-batch ingest" in file.error["hint"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"{A}|{B}|soon|45", "calls.csv:1: no dialect fits (tried mine). Without a header it takes call_timestamp"),
        (f"{A}|{B}|{MOMENT}|long", "takes duration_seconds from dur, which holds 'long'"),
        (f"{A}|{B}|{MOMENT}", "has 4 columns, and this line 3 at '|'"),
    ],
)  # fmt: skip
def test_a_named_dialect_that_does_not_fit_says_where(tmp_path: Path, row: str, message: str) -> None:
    error = read(tmp_path, row + "\n", dialect=FOLDER / "k29_headerless.toml").file.error
    assert error is not None
    assert message in error["message"]
    assert "layouts/k29_headerless.toml" in error["hint"] and "mine.toml" not in error["hint"]


def test_a_header_that_lacks_a_field_is_named(tmp_path: Path) -> None:
    error = read(tmp_path, headed("caller,callee,start_time,price", "A,B,T,9")).file.error
    assert error is not None
    assert (
        "Line 1 has columns of generic (callee, caller, start_time), but none for duration_seconds" in error["message"]
    )
    error = read(tmp_path, headed(CALL, "A,B,T,9"), dialect="twilio").file.error
    assert error is not None and "none for caller_number and callee_number (looked for from, to)" in error["message"]


# -- quotes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("name", ['"User 9" <113>', '""User"" <113>', "User 9"])
def test_a_quote_inside_a_plain_field_beside_a_quoted_delimiter(tmp_path: Path, delimiter: str, name: str) -> None:
    row = delimiter.join([name, A, B, MOMENT, "9", f'"Dial{delimiter} 20"', "end"])
    text = delimiter.join(["clid", "caller", "callee", "start_time", "duration", "lastdata", "x"]) + f"\n{row}\n"
    done = read(tmp_path, text)
    assert done.rows("caller_number", "duration_seconds") == [(A_E164, 9)], done.file


# -- mistakes in a dialect -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "message", "hint"),
    [
        ('[duration]\nunit = "minute"', r"\[duration\] unit = 'minute'. Allowed: 'seconds'", "Did you mean minutes?"),
        ('[legs]\ntalk = "longst"', r"\[legs\] talk = 'longst'. Allowed: 'longest'", "Did you mean longest?"),
        ('[legs]\nwithin = "5"', r"\[legs\] within = '5' must be a whole number", ""),
        ("[legs]\nwithin = true", r"within = True must be a whole number", ""),
        ('[rows]\nskip = ["SMS"]', r"\[rows\] skip = \['SMS'\] must be a table", ""),
        ('[rows]\ncontent = { a = "(" }', r"content = .* must be a table of regular expressions", ""),
        ('[direction]\nsubjct = "x"', r"unknown key '\[direction\] subjct'", "Did you mean subject?"),
        ('[duratoin]\nunit = "minutes"', r"unknown key 'duratoin'", "Did you mean duration?"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, rule: str, message: str, hint: str) -> None:
    with pytest.raises(DialectError, match=message) as caught:
        load_dialect(own(tmp_path, FIELDS + rule + "\n"))
    assert caught.value.hint == hint if hint else caught.value.hint
