"""Outcomes as yes and no, as SIP status codes, as causes of Q.850, and in further words."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.ingestion.values.codes import find_codes
from sentinel_batch.ingestion.values.words import read_outcome
from tests.sentinel_batch.ingestion.layout_samples import headed, read

CALL = "caller,callee,start_time,duration"
NO = (0, False)


def talks(folder: Path, column: str, values: list[str]) -> list[tuple[int, bool]]:
    rows = [f"A,B,2026-09-01 10:0{place}:00,1{place},{value}" for place, value in enumerate(values)]
    return read(folder, headed(f"{CALL},{column}", *rows)).talk


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("answered", ["1", "0", "0"]), ("answered", ["Yes", "No", "no"]), ("answered", ["true", "false", "False"]),
        ("is_answered", ["Y", "N", "n"]), ("missed", ["false", "true", "1"]), ("atendida", ["Sim", "Não", "nao"]),
        ("release_cause", ["16", "17", "19"]), ("hangup_cause", ["31", "1", "21"]), ("cause", ["16", "3", "34"]),
        ("hangup_cause", ["16 - Normal call clearing", "17 - User busy", "18 - No user responding"]),
        ("status", ["200", "487", "603"]), ("sip_response_code", ["200", "486", "503"]),
        ("status", ["200 OK", "486 Busy Here", "SIP 404"]), ("sip_reason", ["OK", "Request Timeout", "Busy Here"]),
        ("status,hangup_cause", ["done,NORMAL_CLEARING", "done,USER_BUSY", "done,NO_ANSWER"]),
        ("call_state,answered", ["x,1", "y,0", "z,0"]),
    ],
)  # fmt: skip
def test_what_was_not_answered_has_no_talk_time(tmp_path: Path, column: str, values: list[str]) -> None:
    assert talks(tmp_path, column, values) == [(10, True), NO, NO]


@pytest.mark.parametrize(
    "column_and_values",
    [("status", "1", "0"), ("status", "1", "2"), ("cause", "0", "4"), ("cause_for_term", "4", "17")],
)
def test_numbers_that_may_mean_anything_are_not_read(tmp_path: Path, column_and_values: tuple[str, ...]) -> None:
    column, *values = column_and_values
    assert find_codes(column, values) is None
    assert talks(tmp_path, column, values) == [(10, True), (11, True)]


def test_numbers_that_are_not_understood_are_said(tmp_path: Path) -> None:
    done = read(tmp_path, headed(f"{CALL},status", "A,B,T,9,1", "A,C,T,9,0"))
    assert "'0', '1'" in done.notice("Outcomes that are not understood")


def test_what_was_not_missed_may_still_be_unanswered(tmp_path: Path) -> None:
    assert sorted(read(tmp_path, headed(f"{CALL},missed", "A,B,T,0,no", "A,C,T,5,no")).talk) == [NO, (5, True)]


def test_a_dialect_names_the_codes(tmp_path: Path) -> None:
    fields = 'caller_number="caller"\ncallee_number="callee"\ncall_timestamp="start_time"\nduration_seconds="duration"'
    rule = f'name="own"\n[fields]\n{fields}\ntermination_cause="x"\n[answered]\ncodes="q850"\n'
    (tmp_path / "own.toml").write_text(rule)
    done = read(tmp_path, headed(f"{CALL},x", "A,B,T,9,1", "A,C,T,8,4"), dialect=tmp_path / "own.toml")
    assert sorted(done.talk) == [NO, (8, True)]


@pytest.mark.parametrize(
    "moment", ["1970-01-01 00:00:00", "1970-01-01T01:00:00+01:00", "0001-01-01 00:00:00", "1900-01-01 00:00:00",
               "01/01/1970 00:00", "31.12.1969 23:00:00", "0000-00-00 00:00:00", "19700101000000",
               "1899-12-30 00:00:00"],
)  # fmt: skip
def test_the_first_moment_of_a_calendar_is_no_answer(tmp_path: Path, moment: str) -> None:
    text = headed(f"{CALL},answer_time", "A,B,T,20,2026-09-01 10:00:05", f"A,C,T,20,{moment}")
    assert sorted(read(tmp_path, text, day_first=True).talk) == [NO, (20, True)]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("Switched off", False), ("Out of coverage", False), ("Failed - busy", False), ("KO", False),
        ("Apagado", False),
        ("Comunicando", False), ("Não atendeu", False), ("Teilnehmer besetzt", False), ("sonnerie sans réponse", False),
        ("erfolglos", False), ("Nessuna risposta", False), ("Persa", False), ("Non risposto", False),
        ("Hung up before answer", False), ("SIP 404", False), ("SIP/200", True), ("Answered elsewhere", None),
        ("Voicemail", None), ("404", None), ("Answered / busy", None), ("Answered - ok", True),
    ],
)  # fmt: skip
def test_words_of_outcome(word: str, said: bool | None) -> None:
    assert read_outcome(word) is said
