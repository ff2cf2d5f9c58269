"""What a routing policy says, as types; policies themselves are TOML files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from audio_batch.routing.decision import Action

InputKind = Literal["number", "flag", "country", "code"]


@dataclass(frozen=True)
class InputField:
    """A context field that a policy uses.

    Attributes
    ----------
    name
        Name of the field (the column of a manifest).
    kind
        ``number``; ``flag`` (true or false); ``country`` (ISO 3166-1 alpha-2); ``code`` (one of ``allowed``).
    minimum, maximum
        Range of a number; a value outside is unreadable, and so at its riskiest.
    allowed
        Values of a code, in lower case.
    description
        What it means, with the unit.
    """

    name: str
    kind: InputKind
    minimum: float
    maximum: float
    allowed: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Condition:
    """A test of one input that grows with the risk: above a bound, true, or in a list; true if the input is missing.

    Attributes
    ----------
    input
        Name of the input.
    above
        The input is a number greater than this.
    among
        The input is one of these.
    is_true
        The input is true.
    """

    input: str
    above: float | None = None
    among: frozenset[str] | None = None
    is_true: bool = False

    def holds(self, value: float | bool | str | None) -> bool:
        """Tell whether the condition holds for a value; a missing one is assumed to be at its riskiest."""
        if value is None:
            return True
        if self.above is not None:
            return float(value) > self.above
        return value in self.among if self.among is not None else bool(value)


@dataclass(frozen=True)
class Multiplier:
    """A circumstance that multiplies the voice risk by a factor of at least 1."""

    id: str
    condition: Condition
    factor: float
    reason: str


@dataclass(frozen=True)
class ContextRule:
    """A rule on the context: if all conditions hold, the action is the least that is asked for.

    Attributes
    ----------
    unless_verified
        The rule does not fire if the voice was verified.
    """

    id: str
    conditions: tuple[Condition, ...]
    action: Action
    reason: str
    unless_verified: bool


@dataclass(frozen=True)
class Thresholds:
    """Bounds of the composite risk (exclusive), and of the verdict's confidence."""

    medium: float
    medium_high: float
    high: float
    critical: float
    confidence: float


@dataclass(frozen=True)
class VerificationDemand:
    """What a policy asks of the voice verification.

    Attributes
    ----------
    required
        A missing verification asks for ``missing``.
    missing, failed, channel_mismatch
        Actions if there is none, if it failed, and if it succeeded over another class of channel.
    confidence
        A successful verification with less confidence counts as missing.
    """

    required: bool
    missing: Action
    failed: Action
    channel_mismatch: Action
    confidence: float


@dataclass(frozen=True)
class Policy:
    """A routing policy.

    Attributes
    ----------
    name, version
        Which policy, and which edition of it.
    currency
        ISO 4217 code of all amounts; amounts of another currency are to be converted before.
    abstention
        Action if there is no verdict, or it abstained; never ALLOW.
    labels
        The least action per label of the verdict.
    inputs
        The context fields that it uses, by name.
    controls
        Further steps that are recommended, by action.
    sha256
        Hash of the content, whatever its comments and layout.
    """

    name: str
    version: str
    title: str
    description: str
    currency: str
    thresholds: Thresholds
    abstention: Action
    labels: dict[str, Action]
    verification: VerificationDemand
    inputs: dict[str, InputField]
    multipliers: tuple[Multiplier, ...]
    rules: tuple[ContextRule, ...]
    controls: dict[str, tuple[str, ...]]
    sha256: str

    @property
    def used_inputs(self) -> tuple[str, ...]:
        """Names of the inputs that a multiplier or a rule looks at, in the order of declaration."""
        used = {m.condition.input for m in self.multipliers} | {c.input for r in self.rules for c in r.conditions}
        return tuple(name for name in self.inputs if name in used)
