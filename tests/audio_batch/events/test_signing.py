"""Signatures of events."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from audio_batch.errors import AudioUsageError
from audio_batch.events.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, Signer

OLD, NEW = b"an old secret of 25 bytes", b"a new secret of 25 bytes!"


def make(*secrets: bytes, at: float = 1000.0) -> Signer:
    return Signer(secrets or (NEW,), clock=lambda: at)


def test_the_signature_is_that_of_any_other_program() -> None:
    headers = make().sign(b"{}")
    expected = hmac.new(NEW, b"1000.{}", hashlib.sha256).hexdigest()
    assert headers == {TIMESTAMP_HEADER: "1000", SIGNATURE_HEADER: f"sha256={expected}"}


@pytest.mark.parametrize("at", [700.0, 1000.0, 1300.0])
def test_either_secret_is_taken_within_the_window(at: float) -> None:
    headers = make(OLD).sign(b"{}")
    assert make(NEW, OLD, at=at).find_fault(b"{}", *headers.values()) is None


@pytest.mark.parametrize(
    ("body", "stamp", "signer", "said"),
    [
        (b"{ }", "1000", make(), "not right"),
        (b"{}", "1001", make(), "not right"),
        (b"{}", "1000", make(OLD), "not right"),
        (b"{}", "1000", make(at=1301), "older than 300 seconds"),
        (b"{}", "1000", make(at=699), "older than 300 seconds"),
        (b"{}", None, make(), "are needed"),
    ],
)
def test_what_was_changed_or_is_old_is_refused(body: bytes, stamp: str | None, signer: Signer, said: str) -> None:
    fault = signer.find_fault(body, stamp, make().sign(b"{}")[SIGNATURE_HEADER])
    assert fault is not None
    assert said in fault


@pytest.mark.parametrize("stamp", ["now", "１０００", "-1", "9" * 500, "1000.5"])
def test_a_time_that_is_none_is_refused_though_it_is_signed(stamp: str) -> None:
    signature = hmac.new(NEW, stamp.encode() + b".{}", hashlib.sha256).hexdigest()
    assert "no whole number" in str(make().find_fault(b"{}", stamp, signature))


@pytest.mark.parametrize("signature", ["", "sha256=", "é" * 64, "\udcff", "0" * 64])
def test_signatures_that_are_none_are_refused(signature: str) -> None:
    assert make().find_fault(b"{}", "1000", signature) is not None


@pytest.mark.parametrize("secrets", [(), (b"short",), (NEW, b"")])
def test_secrets_that_could_be_guessed_are_refused_and_none_is_shown(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(AudioUsageError, match="16 characters"):
        Signer(secrets)
    assert "secret of" not in repr(make())
