"""What fraud costs: bypassed minutes, dear minutes, people called; and how much of it makes which severity."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_batch.config import Config

BYPASS, PREMIUM, CONTACTS = "bypass", "premium", "contacts"

LOSSES = (BYPASS, PREMIUM, CONTACTS)
"""Kinds of loss: every minute paid as a local call instead of an international one; every minute to be paid at a dear
rate; every number called by somebody who ought not to."""


@dataclass(frozen=True)
class Rates:
    """Prices of what fraud costs; those of Nigeria unless the settings say otherwise.

    Parameters
    ----------
    international
        What the operator is due for a minute of a call from abroad.
    local
        What it got instead.
    currency
        ISO 4217 code of all prices.
    premium
        A minute to a number that shares the revenue.
    contact
        A number that was called by a machine, or under a false one.
    thresholds
        Expected losses from which a severity is MEDIUM, HIGH and CRITICAL.

    Notes
    -----
    The settings' defaults of the first two are those of the Nigerian Communications Commission: its international
    termination rate of 2016, and its mobile termination rate for national calls of 2018. The others are our own choice.
    """

    international: float
    local: float
    currency: str
    premium: float = 200.0
    contact: float = 50.0
    thresholds: tuple[float, float, float] = (1_000.0, 5_000.0, 20_000.0)

    @classmethod
    def of(cls, config: Config) -> Rates:
        """Return the configured rates."""
        return cls(
            config.international_rate,
            config.local_rate,
            config.currency,
            config.premium_rate,
            config.contact_cost,
            (config.medium_loss, config.high_loss, config.critical_loss),
        )

    @property
    def bypassed_minute(self) -> float:
        """What a minute costs that was paid for as a local call instead of an international one."""
        return self.international - self.local

    def loss(self, minutes: float) -> float:
        """Return what so many bypassed minutes cost: minutes × (international rate - local rate)."""
        return round(minutes * self.bypassed_minute, 2)
