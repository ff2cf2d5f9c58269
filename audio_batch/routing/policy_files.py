"""Policies from TOML files: the shipped ones by name, the user's own by path."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, cast

from audio_batch.errors import AudioUsageError
from audio_batch.routing.decision import ACTIONS, Action, rank_action
from audio_batch.routing.inputs import is_country, normalise_code
from audio_batch.routing.policy import (
    Condition,
    ContextRule,
    InputField,
    InputKind,
    Multiplier,
    Policy,
    Thresholds,
    VerificationDemand,
)
from audio_batch.routing.tables import Table, read_toml
from batch_base.hashing import hash_value
from batch_base.suggestions import suggest

INPUT_KINDS: tuple[InputKind, ...] = ("number", "flag", "country", "code")
LABELS = ("likely_real", "uncertain", "likely_synthetic")
_FOLDER = Path(__file__).resolve().parents[1] / "policies"
_ID = r"[a-z][a-z0-9_]{0,63}"


def list_policies() -> tuple[str, ...]:
    """Return the names of the shipped policies, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load_policy(name_or_path: str | Path) -> Policy:
    """Load a policy and check it.

    Parameters
    ----------
    name_or_path
        Name of a shipped policy, or path of a TOML file (anything with a ``.toml`` ending or a folder in it). A
        file may say ``extends = "wire_transfer"``: then it states only what differs; tables with an ``id`` are merged
        by it.

    Returns
    -------
    Policy
        The policy.

    Raises
    ------
    AudioUsageError
        If there is no such policy, or it says something that is not allowed. A factor below 1, or an order of
        thresholds or actions by which more evidence would lead to a milder action, is not allowed.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return _build(_read(Path(text)), file=text)
    return _load_shipped(text)


@cache
def _load_shipped(name: str) -> Policy:
    if name not in list_policies():
        names = ", ".join(list_policies())
        hint = suggest(name, list_policies(), "Give a shipped name, or the path of a .toml file.")
        message = f"There is no routing policy {name!r}. Allowed: {names}, or the path of a .toml file."
        raise AudioUsageError(message, hint=hint, value=name, allowed=list_policies())
    return _build(_read(_FOLDER / f"{name}.toml"), file=f"{name}.toml")


def _read(path: Path) -> dict[str, Any]:
    document = read_toml(path, kind="policy")
    if "extends" not in document:
        return document
    base = Table(document, file=str(path)).choice("extends", list_policies())
    if path == _FOLDER / f"{base}.toml":
        raise AudioUsageError(f"{path} extends itself.", hint="Remove the key extends.", file=str(path))
    own = {key: value for key, value in document.items() if key != "extends"}
    return _merge(_read(_FOLDER / f"{base}.toml"), own)


def _merge(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        merged[key] = _merge_value(base.get(key), value)
    return merged


def _merge_value(base: Any, own: Any) -> Any:
    if isinstance(base, dict) and isinstance(own, dict):
        return _merge(base, own)
    if _has_ids(base) and _has_ids(own):
        by_id = {item["id"]: item for item in base}
        return list({**by_id, **{item["id"]: item for item in own}}.values())
    return own


def _has_ids(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in value)


def _build(document: dict[str, Any], *, file: str) -> Policy:
    table = Table(document, file=file)
    lists = _read_country_lists(table.table("lists"))
    inputs = _read_inputs(table.table("inputs"))
    policy = Policy(
        name=table.text("name", pattern=_ID, allowed="lower-case letters, digits and _"),
        version=table.text("version", pattern=r"\d+\.\d+\.\d+", allowed="a version such as 1.0.0"),
        title=table.text("title"),
        description=table.text("description"),
        currency=table.text("currency", "USD", pattern=r"[A-Z]{3}", allowed="an ISO 4217 code such as USD"),
        thresholds=_read_thresholds(table.table("thresholds")),
        abstention=_read_guard(table.table("abstention"), "action", "ESCALATE_TO_HUMAN"),
        labels=_read_labels(table.table("labels")),
        verification=_read_verification(table.table("verification")),
        inputs=inputs,
        multipliers=tuple(_read_multiplier(item, inputs, lists) for item in table.tables("multipliers")),
        rules=tuple(_read_rule(item, inputs, lists) for item in table.tables("rules")),
        controls=_read_controls(table.table("controls")),
        sha256=hash_value(document),
    )
    table.close()
    _check_unique(policy, file)
    return policy


def _check_unique(policy: Policy, file: str) -> None:
    ids = [m.id for m in policy.multipliers] + [r.id for r in policy.rules]
    for name in ids:
        if ids.count(name) > 1:
            message = f"{file} uses the id {name!r} more than once. Allowed: each id once."
            raise AudioUsageError(message, hint="Rename one of them.", file=file, key="id", value=name)


def _read_country_lists(table: Table) -> dict[str, frozenset[str]]:
    lists = {name: frozenset(normalise_code("country", value) for value in table.texts(name)) for name in table.values}
    for name, members in lists.items():
        if not members or not all(is_country(member) for member in members):
            raise table.refuse(name, "a list of two-letter country codes (ISO 3166-1), not empty")
    return lists


def _read_thresholds(table: Table) -> Thresholds:
    found = Thresholds(
        medium=table.number("medium", 0.4, low=0, high=1),
        medium_high=table.number("medium_high", 0.55, low=0, high=1),
        high=table.number("high", 0.7, low=0, high=1),
        critical=table.number("critical", 0.85, low=0, high=1),
        confidence=table.number("confidence", 0.6, low=0, high=1),
    )
    table.close()
    ladder = (found.medium, found.medium_high, found.high, found.critical)
    if list(ladder) != sorted(ladder):
        message = f"{table.file} has thresholds that do not rise: {', '.join(f'{value:g}' for value in ladder)}."
        hint = "Let medium <= medium_high <= high <= critical."
        raise AudioUsageError(message, hint=hint, file=table.file, key="thresholds", value=ladder)
    return found


def _read_action(table: Table, name: str, default: Action | None = None) -> Action:
    return cast(Action, table.choice(name, ACTIONS, default))


def _read_guard(table: Table, name: str, default: Action) -> Action:
    action = cast(Action, table.choice(name, ACTIONS[1:], default))
    table.close()
    return action


def _read_labels(table: Table) -> dict[str, Action]:
    defaults: tuple[Action, ...] = ("ALLOW", "REQUIRE_STEP_UP", "REQUIRE_CALLBACK")
    actions = [_read_action(table, label, default) for label, default in zip(LABELS, defaults, strict=True)]
    table.close()
    if actions != sorted(actions, key=rank_action):
        message = f"{table.file} has label actions that do not rise: {', '.join(actions)}."
        hint = "Let likely_real <= uncertain <= likely_synthetic in severity."
        raise AudioUsageError(message, hint=hint, file=table.file, key="labels", value=actions)
    return dict(zip(LABELS, actions, strict=True))


def _read_verification(table: Table) -> VerificationDemand:
    found = VerificationDemand(
        required=table.flag("required", False),
        missing=_read_action(table, "missing", "REQUIRE_STEP_UP"),
        failed=_read_action(table, "failed", "ESCALATE_TO_HUMAN"),
        channel_mismatch=_read_action(table, "channel_mismatch", "REQUIRE_STEP_UP"),
        confidence=table.number("confidence", 0.0, low=0, high=1),
    )
    table.close()
    if rank_action(found.failed) < rank_action(found.missing):
        worse = ACTIONS[rank_action(found.missing) :]
        raise table.refuse("failed", ", ".join(worse), "A failed verification may not be milder than a missing one.")
    return found


def _read_inputs(table: Table) -> dict[str, InputField]:
    return {name: _read_input(name, table.table(name)) for name in table.values}


def _read_input(name: str, table: Table) -> InputField:
    kind = cast(InputKind, table.choice("kind", INPUT_KINDS))
    field = InputField(
        name=name,
        kind=kind,
        minimum=table.number("minimum", -1e15, low=-1e15) if kind == "number" else 0.0,
        maximum=table.number("maximum", 1e15, low=-1e15) if kind == "number" else 0.0,
        allowed=tuple(normalise_code(kind, value) for value in table.texts("allowed")) if kind == "code" else (),
        description=table.text("description"),
    )
    table.close()
    if kind == "code" and not field.allowed:
        raise table.refuse("allowed", "a list of the codes that may occur")
    return field


def _read_multiplier(table: Table, inputs: dict[str, InputField], lists: dict[str, frozenset[str]]) -> Multiplier:
    found = Multiplier(
        id=table.text("id", pattern=_ID, allowed="lower-case letters, digits and _"),
        condition=_read_condition(table, inputs, lists),
        factor=table.number("factor", low=1, high=100),
        reason=table.text("reason"),
    )
    table.close()
    return found


def _read_rule(table: Table, inputs: dict[str, InputField], lists: dict[str, frozenset[str]]) -> ContextRule:
    conditions = table.tables("when")
    found = ContextRule(
        id=table.text("id", pattern=_ID, allowed="lower-case letters, digits and _"),
        conditions=tuple(_read_condition(item, inputs, lists, alone=True) for item in conditions),
        action=_read_action(table, "action"),
        reason=table.text("reason"),
        unless_verified=table.flag("unless_verified", False),
    )
    table.close()
    if not conditions and not found.unless_verified:
        raise table.refuse("when", 'at least one condition such as { input = "amount", above = 1000 }')
    return found


def _read_condition(
    table: Table, inputs: dict[str, InputField], lists: dict[str, frozenset[str]], *, alone: bool = False
) -> Condition:
    field = inputs[table.choice("input", list(inputs))]
    if field.kind == "number":
        condition = Condition(field.name, above=table.number("above", low=-math.inf))
    elif field.kind == "flag":
        if not table.flag("is", False):
            raise table.refuse("is", "true", "Name the flag so that true is the riskier value.")
        condition = Condition(field.name, is_true=True)
    else:
        condition = Condition(field.name, among=_read_members(table, field, lists))
    if alone:
        table.close()
    return condition


def _read_members(table: Table, field: InputField, lists: dict[str, frozenset[str]]) -> frozenset[str]:
    if isinstance(table.values.get("in"), str):
        return lists[table.choice("in", list(lists))]
    members = frozenset(normalise_code(field.kind, value) for value in table.texts("in"))
    if field.kind == "code" and not members <= set(field.allowed):
        raise table.refuse("in", f"codes of the input {field.name}: {', '.join(field.allowed)}")
    if not members or (field.kind == "country" and not all(is_country(member) for member in members)):
        raise table.refuse("in", "a list of values, not empty, or the name of one of [lists]")
    return members


def _read_controls(table: Table) -> dict[str, tuple[str, ...]]:
    controls: dict[str, tuple[str, ...]] = {action: table.texts(action) for action in ACTIONS}
    table.close()
    return controls
