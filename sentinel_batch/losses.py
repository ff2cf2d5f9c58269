"""What bypassed minutes cost: each was paid for as a local call instead of an international one."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_batch.config import Config


@dataclass(frozen=True)
class Rates:
    """Termination rates for one minute; those of Nigeria unless the settings say otherwise.

    Parameters
    ----------
    international
        What the operator is due for a call from abroad.
    local
        What it got instead.
    currency
        ISO 4217 code of both.

    Notes
    -----
    The settings' defaults are those of the Nigerian Communications Commission: its international termination rate of
    2016, and its mobile termination rate for national calls of 2018.
    """

    international: float
    local: float
    currency: str

    @classmethod
    def of(cls, config: Config) -> Rates:
        """Return the configured rates."""
        return cls(config.international_rate, config.local_rate, config.currency)

    def loss(self, minutes: float) -> float:
        """Return what so many bypassed minutes cost: minutes × (international rate - local rate)."""
        return round(minutes * (self.international - self.local), 2)
