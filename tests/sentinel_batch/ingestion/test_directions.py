"""Who called, by whatever column and word says which way a call went; record types that are no calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.ingestion.values.words import is_not_call
from tests.sentinel_batch.ingestion.layout_samples import A_E164, B_E164, C_E164, headed, read

SUBJECT = "start_time,duration,msisdn,other_party"
SWAPPED = [(A_E164, B_E164), (C_E164, A_E164)]


@pytest.mark.parametrize(
    ("column", "outgoing", "incoming"),
    [
        ("record_type", "MOC", "MTC"), ("event_type", "Outgoing call", "Incoming call"),
        ("event_type", "VOICE-ORIG", "VOICE-TERM"), ("service", "Voice MO", "Voice MT"), ("service_type", "MOC", "MTC"),
        ("usage_type", "Voice Originating", "Voice Terminating"), ("cdr_type", "mSOriginating", "mSTerminating"),
        ("call_direction", "O", "I"), ("in_out", "OUT", "IN"), ("call_category", "Outgoing", "Incoming"),
        ("direction", "Mobile Originated", "Mobile Terminated"), ("call_type", "OG", "IC"),
        ("sentido", "Llamada saliente", "Llamada entrante"), ("richtung", "abgehend", "ankommend"),
    ],
)  # fmt: skip
def test_a_type_may_say_who_called(tmp_path: Path, column: str, outgoing: str, incoming: str) -> None:
    rows = [f"2026-09-01 10:00:00,45,A,B,{outgoing}", f"2026-09-01 10:02:00,15,A,C,{incoming}"]
    done = read(tmp_path, headed(f"{SUBJECT},{column}", *rows))
    assert done.rows("caller_number", "callee_number") == SWAPPED
    assert "on incoming rows other_party is the caller" in done.notice("the party that a row is about")


def test_the_column_with_known_words_counts(tmp_path: Path) -> None:
    rows = ["2026-09-01 10:00:00,45,A,B,1,MOC", "2026-09-01 10:02:00,15,A,C,2,MTC"]
    done = read(tmp_path, headed(f"{SUBJECT},direction,record_type", *rows))
    assert done.rows("caller_number", "callee_number") == SWAPPED


@pytest.mark.parametrize(("column", "values"), [("call_type", "12"), ("type", ("01", "02")), ("call_type", "IN")])
def test_types_that_are_not_understood_are_said(tmp_path: Path, column: str, values: tuple[str, str]) -> None:
    rows = [f"2026-09-01 10:0{place}:00,45,A,B,{value}" for place, value in enumerate(values)]
    said = read(tmp_path, headed(f"{SUBJECT},{column}", *rows)).notice("no column tells which way")
    assert f"{column} ('{values[0]}', '{values[1]}') has no word that is known" in said


def test_both_legs_of_a_call_are_about_no_subject(tmp_path: Path) -> None:
    header = "record_type,calling_number,called_number,start_time,duration"
    rows = ["MOC,A,B,2026-09-01 10:00:00,65", "MTC,A,B,2026-09-01 10:00:02,63", "MOC,A,C,2026-09-01 10:05:00,9"]
    done = read(tmp_path, headed(header, *rows))
    assert set(done.calls["caller_number"]) == {A_E164}
    assert not done.notice("the party that a row is about")


@pytest.mark.parametrize(
    "kind",
    [
        "Short Message", "P2PSMS", "MOSMS", "mSOriginatingSMSinMSC", "SMMO", "Mensaje", "4G", "LTE", "PS Session",
        "P2P", "Data Call", "SMS MTC", "SMS Call", "MMS call", "ROAMING DATA CALL", "mensagem", "Nachricht", "A2P",
    ],
)  # fmt: skip
def test_record_types_that_are_no_calls(kind: str) -> None:
    assert is_not_call(kind)


@pytest.mark.parametrize("kind", ["Voice", "VoLTE", "4G Call", "Video Call", "Fax", "MOC", "Voice/data", "1", ""])
def test_record_types_that_are_calls(kind: str) -> None:
    assert not is_not_call(kind)


@pytest.mark.parametrize("column", ["cdr_kind", "message_type", "tipo_servicio", "call_category"])
def test_types_stand_in_many_columns(tmp_path: Path, column: str) -> None:
    text = headed(f"caller,callee,start_time,duration,{column}", "A,B,T,9,VOICE", "A,C,T,0,SMS")
    assert read(tmp_path, text).file.skipped_by_type == {"SMS": 1}
