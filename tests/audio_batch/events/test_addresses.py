"""Addresses of queues."""

from __future__ import annotations

import pytest

from audio_batch.events import AddressError, open_sink, open_source
from audio_batch.events.addresses import mask, parse_address


@pytest.mark.parametrize(
    ("text", "kind", "place", "name", "dead"),
    [
        ("kafka://a:1,b:2/calls", "kafka", "a:1,b:2", "calls", "calls.dead"),
        ("amqps://u:p@h:5671/v?queue=calls&dead=graves", "amqp", "h:5671", "calls", "graves"),
        ("redis://h/2?stream=calls", "redis", "h", "calls", "calls.dead"),
        ("rediss://h:1/0?stream=calls", "redis", "h:1", "calls", "calls.dead"),
        ("sqs://calls?region=eu-west-1", "sqs", "calls", "calls", "calls.dead"),
        ("file:in/events.jsonl", "file", "", "in/events.jsonl", "in/events.jsonl.dead"),
        ("file:///in/events.jsonl?dead=d", "file", "", "/in/events.jsonl", "d"),
    ],
)
def test_addresses_are_read(text: str, kind: str, place: str, name: str, dead: str) -> None:
    address = parse_address(text)
    assert (address.kind, address.place, address.name, address.dead) == (kind, place, name, dead)
    assert address.secure == text.startswith(("amqps", "rediss"))


def test_logins_are_read_and_never_shown() -> None:
    address = parse_address("amqp://us%40er:p%2Fw@h/?queue=q")
    assert (address.user, address.password) == ("us@er", "p/w")
    assert mask("amqp://u:secret@h/?queue=q") == "amqp://***@h/?queue=q"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("calls", "no address of a queue"),
        ("redsi://h/0?stream=x", "no address of a queue"),
        ("kafka://u:secret@h:1/", "names no queue"),
        ("amqp://u:secret@h/calls", "names no queue"),
        ("redis:///0?stream=x", "names no host"),
        ("redis://h/0?stream=x&gruop=y", "allowed for redis: stream, group, dead, idle, consumer"),
        ("amqp://u:secret@h/?queue=q&x=1", "has the option 'x'"),
        ("file:", "names no file"),
    ],
)
def test_what_is_no_address_is_refused_with_the_forms_and_without_the_password(text: str, said: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert said in caught.value.message
    assert caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["redis://h/0?stream=x&idle=soon", "sqs://q?visibility=0", "redis://h/0?stream=x&idle=1e9"]
)
def test_seconds_are_checked(text: str) -> None:
    with pytest.raises(AddressError, match="allowed: 1 to 86400 seconds"):
        open_source(text)


def test_a_missing_file_is_named() -> None:
    import asyncio

    with pytest.raises(AddressError, match="cannot be read"):
        asyncio.run(open_source("file:nowhere/events.jsonl").connect())
    with pytest.raises(AddressError, match="cannot be written"):
        asyncio.run(open_sink("file:nowhere/results.jsonl").connect())
