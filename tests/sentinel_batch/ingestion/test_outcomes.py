"""How long was talked, and whether a call was answered: columns, units, words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sentinel_batch.ingestion.layout_samples import FOLDER, MOMENT, headed, read

CALL = "caller,callee,start_time"
UNANSWERED = (0, False)


def test_talk_time_comes_before_duration(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "k01_duration_beside_talk_duration.csv")
    assert done.talk == [(20, True), UNANSWERED, UNANSWERED]
    assert "duration_seconds is read from talk_duration, not from duration" in done.notice("several columns")


@pytest.mark.parametrize(
    ("name", "talk"),
    [
        ("k02_status_ignored_fr.csv", [(12, True), UNANSWERED, UNANSWERED]),
        ("k03_status_mapped_but_ignored.csv", [(45, True), UNANSWERED, UNANSWERED, UNANSWERED]),
    ],
)
def test_words_of_outcome_are_understood(tmp_path: Path, name: str, talk: list[tuple[int, bool]]) -> None:
    assert read(tmp_path, FOLDER / name).talk == talk


def test_unanswered_calls_are_alike_however_long_they_rang(tmp_path: Path) -> None:
    rung = read(tmp_path / "a", FOLDER / "k28_no_answer_ring_hides_dialler.csv").calls
    right = read(tmp_path / "b", FOLDER / "k28b_same_talk_time_right.csv").calls
    columns = ["caller_number", "callee_number", "call_timestamp", "duration_seconds", "answered"]
    assert rung.select(columns).equals(right.select(columns))
    assert 0 < rung["answered"].sum() < rung.height


@pytest.mark.parametrize(
    ("word", "talk"),
    [
        ("Répondu", (30, True)), ("ABOUTI", (30, True)), ("Completed", (30, True)), ("Atendida", (30, True)),
        ("Non abouti", UNANSWERED), ("NON-REPONDU", UNANSWERED), ("Occupé", UNANSWERED), ("Échec", UNANSWERED),
        ("sin respuesta", UNANSWERED), ("Não atendida", UNANSWERED), ("besetzt", UNANSWERED),
        ("User Busy", UNANSWERED), ("ORIGINATOR_CANCEL", UNANSWERED), ("no-answer", UNANSWERED),
        ("NORMAL_CLEARING", (30, True)), ("16", (30, True)), ("", (30, True)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("header", ["generic", "sentinel-timestamp"])
def test_words_in_other_languages_and_dialects(tmp_path: Path, header: str, word: str, talk: tuple[int, bool]) -> None:
    columns = {
        "generic": f"{CALL},duration,statut",
        "sentinel-timestamp": "caller_number,callee_number,call_timestamp,duration_seconds,termination_cause",
    }
    done = read(tmp_path, headed(columns[header], f"A,B,T,30,{word}"))
    assert (done.file.dialect, done.talk) == (header, [talk])
    assert not done.notice("not understood")


def test_a_word_that_is_not_understood_is_said(tmp_path: Path) -> None:
    done = read(tmp_path, headed(f"{CALL},duration,status", "A,B,T,30,Zugestellt", "A,C,T,0,Zugestellt"))
    assert sorted(done.talk) == [UNANSWERED, (30, True)]
    assert "'Zugestellt'" in done.notice("not understood")


def test_an_answered_call_may_lack_talk_time(tmp_path: Path) -> None:
    assert read(tmp_path, headed(f"{CALL},duration,status", "A,B,T,0,ANSWERED")).talk == [(0, True)]


OWN = """name = "own"
[fields]
caller_number = "caller"
callee_number = "callee"
call_timestamp = "start_time"
{length}
{rest}
"""


def own(folder: Path, rest: str = "", length: str = 'duration_seconds = "duration"') -> Path:
    (folder / "own.toml").write_text(OWN.format(length=length, rest=rest))
    return folder / "own.toml"


def test_a_dialect_says_what_is_unanswered(tmp_path: Path) -> None:
    rule = '[answered]\ncolumn = "result"\nvalues = ["OK 1"]\nunanswered = ["KO"]'
    text = headed(f"{CALL},duration,result", "A,B,T,9,ok-1", "A,C,T,9,ko", "B,A,T,9,?", "B,C,T,0,?")
    done = read(tmp_path, text, dialect=own(tmp_path, rule))
    assert done.rows("duration_seconds", "answered") == [(9, True), UNANSWERED, (9, True), UNANSWERED]


@pytest.mark.parametrize(
    ("rows", "talk", "unit"),
    [
        (["000135", "010000"], [95, 3600], "without colons"),
        (["000075", "000099"], [75, 99], ""),
        (["135", "90"], [135, 90], ""),
    ],
)
def test_six_digits_are_a_time_of_day_where_all_are(
    tmp_path: Path, rows: list[str], talk: list[int], unit: str
) -> None:
    text = headed(f"{CALL},duration", *(f"A,B,2026-09-01 10:0{place}:00,{row}" for place, row in enumerate(rows)))
    done = read(tmp_path, text)
    assert [seconds for seconds, _ in done.talk] == talk
    assert unit in done.notice("Durations in") and bool(done.notice("Durations in")) == bool(unit)


def test_the_compact_durations_of_the_case(tmp_path: Path) -> None:
    assert read(tmp_path, FOLDER / "k07_duration_hhmmss_compact.csv").talk == [(95, True), (3600, True)]


def test_decimal_durations_are_doubted(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "k09_duration_decimal_minutes.csv")
    said = done.notice("fractions (2.9)")
    assert "taken for seconds" in said and 'unit = "minutes"' in said
    rule = own(tmp_path, '[duration]\nunit = "minutes"')
    again = read(tmp_path / "lake2", FOLDER / "k09_duration_decimal_minutes.csv", dialect=rule)
    assert again.talk == [(174, True), (30, True)]
    assert "fractions" not in " ".join(again.file.notices)


@pytest.mark.parametrize(
    ("lengths", "unit", "talk"),
    [
        (("95000", "12000"), "milliseconds", [95, 12]),
        (("95000000", "12000000"), "microseconds", [95, 12]),
        (("1.6", "0.2"), "minutes", [96, 12]),
        (("000135", "000012"), "hhmmss", [95, 12]),
        (("95", "12"), "seconds", [95, 12]),
    ],
)
def test_the_other_times_of_a_row_settle_the_unit(
    tmp_path: Path, lengths: tuple[str, str], unit: str, talk: list[int]
) -> None:
    first, second = lengths
    rows = [f"A,B,{MOMENT},2026-09-01 10:01:40,{first}", f"A,C,2026-09-01 10:05:00,2026-09-01 10:05:14,{second}"]
    done = read(tmp_path, headed(f"{CALL},end_time,duration", *rows))
    assert [seconds for seconds, _ in done.talk] == talk
    assert bool(done.notice("as the other times of a row show")) == (unit != "seconds")


def test_six_digits_of_seconds_beside_their_end(tmp_path: Path) -> None:
    done = read(tmp_path, headed(f"{CALL},end_time,duration", f"A,B,{MOMENT},2026-09-01 10:02:15,000135"))
    assert done.talk == [(135, True)]


@pytest.mark.parametrize(
    ("column", "typed", "seconds"),
    [
        ("duration_ms", "95400", 95), ("call_duration_ms", "-1", 0), ("duree_minutes", "1.5", 90),
        ("duration_min", "0:01:35", 95), ("duration_hhmmss", "010203", 3723), ("duree_secondes", "90.5", 90),
    ],
)  # fmt: skip
def test_the_name_of_the_column_settles_the_unit(tmp_path: Path, column: str, typed: str, seconds: int) -> None:
    assert read(tmp_path, headed(f"{CALL},{column}", f"A,B,T,{typed}")).talk == [(seconds, seconds > 0)]


def test_long_durations_are_doubted(tmp_path: Path) -> None:
    done = read(tmp_path, headed(f"{CALL},duration", "A,B,T,95000", "A,C,T,45000"))
    assert "milliseconds" in done.notice("long")


@pytest.mark.parametrize(("unit", "bad"), [("hhmmss", "000175"), ("minutes", "1e12"), ("milliseconds", "soon")])
def test_what_is_no_duration_in_its_unit_is_rejected(tmp_path: Path, unit: str, bad: str) -> None:
    rule = own(tmp_path, f'[duration]\nunit = "{unit}"')
    done = read(tmp_path, headed(f"{CALL},duration", f"A,B,T,{bad}", "A,C,T,000100"), dialect=rule)
    assert done.file.rejects_by_reason == {"bad_duration": 1}


def test_without_a_duration_talk_time_is_end_less_answer(tmp_path: Path) -> None:
    rows = [
        f"A,B,{MOMENT},2026-09-01 10:00:05,2026-09-01 10:01:35",
        "A,C,2026-09-01 10:05:00,,2026-09-01 10:05:35",
        "A,C,2026-09-01 10:09:00,0000-00-00 00:00:00,2026-09-01 10:09:35",
    ]
    text = headed(f"{CALL},answer_time,end_time", *rows)
    assert read(tmp_path, text).talk == [(90, True), UNANSWERED, UNANSWERED]
    fields = 'answer_timestamp = "answer_time"\nend_timestamp = "end_time"'
    assert read(tmp_path / "own", text, dialect=own(tmp_path, length=fields)).talk[0] == (90, True)


@pytest.mark.parametrize("end", ["end_time", "date_heure_fin", "disconnect_time"])
def test_without_an_answer_it_is_end_less_start(tmp_path: Path, end: str) -> None:
    done = read(tmp_path, headed(f"{CALL},{end}", f"A,B,{MOMENT},2026-09-01 10:01:35", f"A,C,{MOMENT},"))
    assert done.talk == [(95, True)]
    assert done.file.rejects_by_reason == {"missing_duration": 1}


@pytest.mark.parametrize(
    ("units", "seconds", "said"),
    [
        ("MIN MIN", [120, 180], "as column unit says"),
        ("SEC SEC", [2, 3], ""),
        ("MIN SEC", [2, 3], "Column unit holds 'MIN', 'SEC': durations are read in one unit"),
    ],
)
def test_a_column_may_name_the_unit(tmp_path: Path, units: str, seconds: list[int], said: str) -> None:
    rows = [
        f"A,{party},{MOMENT},{number},{unit}" for party, number, unit in zip("BC", (2, 3), units.split(), strict=True)
    ]
    done = read(tmp_path, headed("caller,callee,start_time,usage,unit", *rows))
    assert [row[0] for row in sorted(done.rows("duration_seconds"))] == seconds
    assert bool(done.notice(said)) == bool(said) or not said
