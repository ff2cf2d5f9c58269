"""Signatures of events that are sent over HTTP: who knows the secret wrote these bytes, and not long ago."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from audio_batch.errors import AudioUsageError

TIMESTAMP_HEADER = "X-Sentinel-Timestamp"
SIGNATURE_HEADER = "X-Sentinel-Signature"

_LEAST_LENGTH = 16
_PREFIX = "sha256="
_LONGEST_STAMP = 12


@dataclass(frozen=True)
class Signer:
    """Checks signatures, and makes them.

    Attributes
    ----------
    secrets
        Any of them is taken, so that one can be replaced without a gap; the first one signs.
    window
        Seconds that a clock may differ, and a request may be under way: what is older, or from the future, is refused.
    clock
        Seconds since 1970.
    """

    secrets: Sequence[bytes] = field(repr=False)
    window: float = 300.0
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if not self.secrets or min(len(secret) for secret in self.secrets) < _LEAST_LENGTH:
            message = f"A secret of web hooks is missing, or shorter than {_LEAST_LENGTH} characters."
            hint = "Make one: python3 -c 'import secrets; print(secrets.token_hex(32))'"
            raise AudioUsageError(message, hint=hint)

    def sign(self, body: bytes) -> dict[str, str]:
        """Return the headers that a sender adds."""
        stamp = str(int(self.clock()))
        return {TIMESTAMP_HEADER: stamp, SIGNATURE_HEADER: _PREFIX + _hash(self.secrets[0], stamp, body)}

    def find_fault(self, body: bytes, stamp: str | None, signature: str | None) -> str | None:
        """Return why a request is not taken, None if it is.

        Whether the time is right is said only to those who know the secret.
        """
        if not stamp or not signature:
            return f"The headers {TIMESTAMP_HEADER} and {SIGNATURE_HEADER} are needed."
        given = signature.removeprefix(_PREFIX).encode("utf-8", "replace")
        # All secrets are tried, whichever fits, and compared in constant time.
        fits = [hmac.compare_digest(_hash(secret, stamp, body).encode(), given) for secret in self.secrets]
        if not any(fits):
            return "The signature is not right."
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _LONGEST_STAMP):
            return f"{TIMESTAMP_HEADER} is no whole number of seconds since 1970."
        if abs(self.clock() - int(stamp)) > self.window:
            return f"The request is older than {self.window:g} seconds, or the clocks differ by more."
        return None


def _hash(secret: bytes, stamp: str, body: bytes) -> str:
    return hmac.new(secret, stamp.encode("utf-8", "replace") + b"." + body, hashlib.sha256).hexdigest()
