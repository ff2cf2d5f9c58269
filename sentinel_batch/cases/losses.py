"""What bypassed minutes cost: each was paid for as a local call instead of an international one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentinel_batch.config import Config

INTERNATIONAL_RATE = 24.40
"""Nigeria's international termination rate, NGN a minute (Nigerian Communications Commission, 2016)."""

LOCAL_RATE = 3.90
"""Its mobile termination rate for national calls, NGN a minute (Nigerian Communications Commission, 2018)."""


@dataclass(frozen=True)
class Rates:
    """Termination rates for one minute.

    Parameters
    ----------
    international
        What the operator is due for a call from abroad.
    local
        What it got instead.
    currency
        ISO 4217 code of both.
    """

    international: float = INTERNATIONAL_RATE
    local: float = LOCAL_RATE
    currency: str = "NGN"

    @classmethod
    def of(cls, config: Config) -> Rates:
        """Return the configured rates."""
        return cls(config.international_rate, config.local_rate, config.currency)

    def loss(self, minutes: float) -> float:
        """Return what so many bypassed minutes cost: minutes × (international rate - local rate)."""
        return round(minutes * (self.international - self.local), 2)
