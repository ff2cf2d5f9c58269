"""Events as others write them: what is taken, and what is refused with what is allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audio_batch.events
from audio_batch.events import EVENT_POLICIES, EventError, parse_event
from audio_batch.events.event import MOST_BYTES, find_id
from audio_batch.routing import list_policies

SCHEMA = json.loads((Path(audio_batch.events.__file__).parent / "event.schema.json").read_text())
GOOD: dict[str, Any] = {"event_id": "e-1", "event_type": "login", "audio_path": "a.wav"}


def write(**fields: Any) -> bytes:
    return json.dumps(GOOD | fields).encode()


def test_unknown_fields_are_kept_and_do_not_count() -> None:
    event = parse_event(write(sent_at="09:00", output_queue="elsewhere", customer_id="C1"))
    assert event.document["output_queue"] == "elsewhere"
    assert event.customer_id == "C1"
    assert event.digest == parse_event(write(sent_at="10:00", customer_id="C1")).digest
    assert event.digest != parse_event(write(customer_id="C2")).digest


def test_context_wins_over_metadata_and_the_event_over_both() -> None:
    event = parse_event(
        write(metadata={"amount": 1, "channel": "ivr"}, context={"amount": 2, "customer_id": "X", "enrollment_id": "Y"})
    )
    assert event.context == {"amount": 2, "channel": "ivr"}
    assert event.enrollment_id is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 50_000, "no JSON"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": 1e999}', "no JSON"),
        (b'{"a": "\\ud800"}', "no JSON"),
        (b"[]", "allowed: an object"),
        (b'"' + b"x" * MOST_BYTES + b'"', "allowed: 65,536"),
        (write(event_id=None), "event_id is missing"),
        (write(event_id="a b"), 'event_id is "a b"'),
        (write(event_type="logon"), "allowed: transaction_verification, account_access"),
        (write(audio_path=None), "not given; allowed: exactly one"),
        (write(audio_url="https://x/"), "both given"),
        (write(audio_path=7), "audio_path is 7"),
        (write(customer_id=12), "customer_id is 12; allowed: a text"),
        (write(context=[1]), "context is [1]; allowed: an object"),
        (write(sar="yes"), 'sar is "yes"; allowed: true or false'),
    ],
)
def test_what_is_no_event_is_refused_for_good_with_what_is_allowed(body: bytes, said: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_event(body)
    assert said in caught.value.message
    assert caught.value.permanent
    assert caught.value.reason == "invalid_event"


def test_all_that_is_wrong_is_named_at_once_with_a_guess() -> None:
    with pytest.raises(EventError) as caught:
        parse_event(write(event_type="logn", sar=1, audio_path=None))
    assert all(word in caught.value.message for word in ("event_type", "sar", "audio_path"))
    assert caught.value.hint == "Did you mean 'login'?"


def test_the_id_of_what_is_no_event_is_found_if_it_has_one() -> None:
    assert find_id(b'{"event_id": "e-7"}') == "e-7"
    assert find_id(b'{"event_id": "e 7"}') is None
    assert find_id(b"{") is None


def test_every_type_has_a_policy_that_exists() -> None:
    assert set(EVENT_POLICIES.values()) == set(list_policies())
    assert SCHEMA["properties"]["event_type"]["enum"] == list(EVENT_POLICIES)


_value = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3), st.just("login"), st.just({}))


@given(st.fixed_dictionaries({}, optional={name: _value for name in SCHEMA["properties"]}))
def test_the_schema_and_the_reader_take_the_same(document: dict[str, Any]) -> None:
    merged = GOOD | document
    body = json.dumps(merged).encode()
    try:
        parse_event(body)
        taken = True
    except EventError:
        taken = False
    if "\\ud" not in body.decode().lower():  # Halves of pairs are no matter of a schema.
        assert taken == jsonschema.Draft202012Validator(SCHEMA).is_valid(merged)
