"""Names of columns: CamelCase, A and B, languages, and times whose date and time of day stand apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.ingestion import propose_dialect
from sentinel_batch.ingestion.values.headers import find_side, fold_header
from tests.sentinel_batch.ingestion.layout_samples import A_E164, B_E164, Read, headed, read

A, B = A_E164, B_E164


def _parties(done: Read) -> list[tuple[str, ...]]:
    return done.rows("caller_number", "callee_number")


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("callingPartyNumber", "calling_party_number"), ("servedMSISDN", "served_msisdn"), ("IMEI", "imei"),
        ("callID", "call_id"), ("CDRType", "cdr_type"), ("DurationSec", "duration_sec"), ("utcOffset", "utc_offset"),
        ("ANumber", "a_number"), ("numberB", "number_b"), ("Start Time (UTC)", "start_time_utc"),
        ("DURATION", "duration"), ("duréeAppel", "duree_appel"), ("calldate", "calldate"),
    ],
)  # fmt: skip
def test_camel_case_is_split_into_words(name: str, folded: str) -> None:
    assert fold_header(name) == folded


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("callingPartyNumber,calledPartyNumber,startTime,duration", "A,B,T,45"),
        ("CallerNumber,DialedNumber,StartTime,DurationSec", "A,B,T,45"),
        ("CallerId,CalleeId,StartTime,DurationSeconds", "A,B,T,45"),
        ("ANumber,BNumber,CallStart,DurationMs", "A,B,T,45000"),
        ("FromNumber,ToNumber,InviteTime,SessionEndTime", "A,B,T,2026-09-01 10:00:45"),
        ("Rufnummer A,Rufnummer B,Beginn,Dauer", "A,B,T,00:00:45"),
        ("Rufnummer B,Rufnummer A,Beginn,Ende", "B,A,T,2026-09-01 10:00:45"),
        ("Anrufer,Angerufener,Startzeit,Dauer", "A,B,T,45"),
        ("Origen,Destino,Fecha y hora,Duración (s)", "A,B,T,45"),
        ("Numero_A,Numero_B,Data_Hora_Inicio,Duracao_Segundos", "A,B,T,45"),
        ("Chiamante,Chiamato,Data e ora,Durata", "A,B,T,45"),
        ("Caller,Callee,ANSWER_TIME,Duration", "A,B,T,45"),
        ("Caller,Callee,Date,Duration", "A,B,T,45"),
    ],
)
def test_likely_names_are_read_in_camel_case_and_in_six_languages(tmp_path: Path, columns: str, row: str) -> None:
    done = read(tmp_path, headed(columns, row))
    assert (done.file.dialect, _parties(done), done.talk) == ("generic", [(A, B)], [(45, True)])


def test_a_name_that_a_dialect_of_ones_own_writes_in_camel_case_is_found(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(_write_own("callingNo", "calledNo", "whenBegun", "lengthSec"), "utf-8")
    done = read(tmp_path, headed("callingNo,calledNo,whenBegun,lengthSec", "A,B,T,45"), dialect=own)
    assert (_parties(done), done.talk) == ([(A, B)], [(45, True)])


def _write_own(caller: str, callee: str, time: str, length: str) -> str:
    fields = {"caller_number": caller, "callee_number": callee, "call_timestamp": time, "duration_seconds": length}
    lines = "\n".join(f'{field} = "{column}"' for field, column in fields.items())
    return f'name = "own"\nguess = true\n[fields]\n{lines}\n'


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("a_number", "caller"), ("Numero A", "caller"), ("Rufnummer A", "caller"), ("A-Number", "caller"),
        ("b_number", "callee"), ("B Party", "callee"), ("Kunde B Nr", "callee"), ("NUMERO_B", "callee"),
        ("From", "caller"), ("Destino final", "callee"), ("Numero", None), ("from_or_to", None), ("msisdn", None),
    ],
)  # fmt: skip
def test_a_name_says_whose_number_it_holds(name: str, side: str | None) -> None:
    assert find_side(name) == side


@pytest.mark.parametrize(
    ("first", "second", "caller"),
    [
        ("Kunde Nr B", "Kunde Nr A", "Kunde Nr A"), ("Kunde Nr A", "Kunde Nr B", "Kunde Nr A"),
        ("B sub", "A sub", "A sub"), ("Numero chiamato x", "Numero x", "Numero x"), ("x", "called by x", "x"),
        ("Abonent B", "Abonent", "Abonent"),
    ],
)  # fmt: skip
def test_a_proposal_never_swaps_the_parties(tmp_path: Path, first: str, second: str, caller: str) -> None:
    path = tmp_path / "calls.csv"
    row = (B, A) if caller == second else (A, B)
    path.write_text(f"{first};{second};Quando;Tempo\n{row[0]};{row[1]};2026-09-01 10:00:00;45\n", "utf-8")
    proposal = propose_dialect(path, timezone="Africa/Lagos", region="NG")
    assert proposal.layout is not None
    (call,) = proposal.layout.calls
    assert (call["caller_number"], call["callee_number"]) == (A, B)


def test_a_guess_between_two_parties_says_that_it_is_one(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(f"raqm1;raqm2;waqt;mudda\n{A};{B};2026-09-01 10:00:00;45\n", "utf-8")
    said = propose_dialect(path).guessed["caller_number"]
    assert "GUESSED" in said and "no name says whether raqm1 or raqm2 is the caller" in said
