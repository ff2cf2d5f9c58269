"""The answer of the router, with everything that led to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Action = Literal["ALLOW", "REQUIRE_STEP_UP", "REQUIRE_CALLBACK", "ESCALATE_TO_HUMAN", "BLOCK"]

ACTIONS: tuple[Action, ...] = get_args(Action)
"""The actions, from the mildest to the most severe."""

EXIT_CODES: dict[Action, int] = {
    "ALLOW": 0,
    "REQUIRE_STEP_UP": 21,
    "REQUIRE_CALLBACK": 22,
    "ESCALATE_TO_HUMAN": 23,
    "BLOCK": 24,
}
"""Exit code of a command per action; apart from 0-5 (outcome of a command) and 11-14 (severity of alerts)."""


@dataclass(frozen=True)
class FiredRule:
    """A rule that fired.

    Attributes
    ----------
    id
        Name of the rule, as in the policy.
    action
        The least that the rule asks for.
    reason
        Why, in words, from the policy.
    values
        What the rule looked at; None for an input that was missing and therefore assumed to be at its riskiest.
    """

    id: str
    action: Action
    reason: str
    values: dict[str, Any]


@dataclass(frozen=True)
class AppliedFactor:
    """A circumstance that raised the risk.

    Attributes
    ----------
    id
        Name of the multiplier, as in the policy.
    factor
        What the voice risk was multiplied by, at least 1.
    reason
        Why, in words, from the policy.
    input, value
        The context field and its value; the value is None if it was missing.
    assumed
        True if the field was missing or unreadable, so that the riskiest value was assumed.
    """

    id: str
    factor: float
    reason: str
    input: str
    value: Any
    assumed: bool


@dataclass(frozen=True)
class Decision:
    """What to do about a call, and why.

    Attributes
    ----------
    action
        The most severe action among the rules that fired.
    composite_risk
        0 … 1: voice risk times the factors, at most 1. None if there is no voice risk.
    voice_risk
        0 … 1: the verdict's score (0 = human … 1 = synthetic). None if the verdict is missing or abstained.
    multipliers
        The factors that were applied.
    rules_fired
        The rules that fired, the most severe first.
    missing_inputs
        The inputs that the policy uses and that were missing or unreadable.
    notices
        One sentence for each missing input, saying what was assumed.
    controls
        Further steps that the policy recommends with this action.
    policy, policy_version
        Which policy decided.
    session_id
        Name of the verdict (else of the verification) that the decision belongs to.
    input_hashes
        SHA-256 of the recording, the verdict, the verification, the context and the policy; None where there is none.
    """

    action: Action
    composite_risk: float | None
    voice_risk: float | None
    multipliers: tuple[AppliedFactor, ...]
    rules_fired: tuple[FiredRule, ...]
    missing_inputs: tuple[str, ...]
    notices: tuple[str, ...]
    controls: tuple[str, ...]
    policy: str
    policy_version: str
    session_id: str
    input_hashes: dict[str, str | None]

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ends with this decision."""
        return EXIT_CODES[self.action]

    @property
    def decisive_rule(self) -> FiredRule:
        """The first rule that asked for the action taken."""
        return self.rules_fired[0]

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return {**asdict(self), "exit_code": self.exit_code, "decisive_rule": self.decisive_rule.id}


def rank_action(action: Action) -> int:
    """Return the severity of an action: 0 for ALLOW … 4 for BLOCK."""
    return ACTIONS.index(action)
