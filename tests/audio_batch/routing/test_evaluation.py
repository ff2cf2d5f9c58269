"""Decisions: the defaults, and the monotonic properties over all shipped policies."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

from audio_batch.routing import (
    ACTIONS,
    EXIT_CODES,
    Decision,
    list_policies,
    load_policy,
    route,
)
from audio_batch.verdict import Splice
from tests.audio_batch.routing.routing_samples import SAFE, make_verdict, make_verification

SETTINGS = settings(derandomize=True, database=None, deadline=None, max_examples=examples(200))


def severity(decision: Decision) -> int:
    return ACTIONS.index(decision.action)


@pytest.mark.parametrize(
    ("score", "action", "rule"),
    [
        (0.40, "ALLOW", "low_risk"),
        (0.41, "REQUIRE_STEP_UP", "medium_risk"),
        (0.55, "REQUIRE_STEP_UP", "medium_risk"),
        (0.56, "REQUIRE_CALLBACK", "medium_high_risk"),
        (0.70, "REQUIRE_CALLBACK", "medium_high_risk"),
        (0.71, "ESCALATE_TO_HUMAN", "high_risk"),
        (0.85, "ESCALATE_TO_HUMAN", "high_risk"),
        (0.86, "BLOCK", "critical_risk"),
    ],
)
def test_thresholds_are_exclusive(score: float, action: str, rule: str) -> None:
    decision = route(make_verdict(score), context=SAFE)
    assert (decision.action, decision.decisive_rule.id) == (action, rule)
    assert decision.composite_risk == decision.voice_risk == score


@pytest.mark.parametrize(
    ("field", "value", "factor"),
    [
        ("amount", 100_001, 1.2),
        ("new_beneficiary", True, 1.15),
        ("customer_risk", 0.51, 1.1),
        ("destination_country", "IR", 1.3),
    ],
)
def test_each_circumstance_multiplies_the_voice_risk(field: str, value: object, factor: float) -> None:
    decision = route(make_verdict(0.2), context={**SAFE, field: value})
    assert decision.composite_risk == pytest.approx(0.2 * factor)
    (applied,) = decision.multipliers
    assert (applied.input, applied.factor, applied.assumed) == (field, factor, False)


@pytest.mark.parametrize(("field", "value"), [("amount", 100_000), ("customer_risk", 0.5)])
def test_the_bound_itself_does_not_multiply(field: str, value: float) -> None:
    assert route(make_verdict(0.2), context={**SAFE, field: value}).multipliers == ()


def test_composite_risk_is_at_most_one() -> None:
    assert route(make_verdict(0.9), context=None).composite_risk == 1.0


def test_a_product_that_is_exactly_a_threshold_does_not_pass_it() -> None:
    decision = route(make_verdict(0.7 / 1.1), context={**SAFE, "customer_risk": 0.9})
    assert decision.composite_risk == 0.7
    assert decision.action == "REQUIRE_CALLBACK"


def test_missing_context_is_named_and_assumed_at_its_riskiest() -> None:
    decision = route(make_verdict(0.1))
    assert decision.missing_inputs == ("amount", "new_beneficiary", "customer_risk", "destination_country")
    assert all(factor.assumed and factor.value is None for factor in decision.multipliers)
    assert decision.composite_risk == pytest.approx(0.1 * 1.2 * 1.15 * 1.1 * 1.3)
    assert "amount is missing; the riskiest value was assumed." in decision.notices


@pytest.mark.parametrize(
    ("field", "cell", "problem"),
    [
        ("amount", "75,000", "not a number"),
        ("amount", "1_000", "not a number"),
        ("amount", "nan", "not a number"),
        ("amount", -5, "not from 0"),
        ("amount", True, "not a number"),
        ("customer_risk", 55, "not from 0 to 1"),
        ("new_beneficiary", "maybe", "neither true nor false"),
        ("destination_country", "Iran", "two-letter"),
        ("destination_country", "<script>" * 50, "two-letter"),
        ("amount", "  ", "is missing"),
        ("amount", math.nan, "is missing"),
    ],
)
def test_unreadable_cells_count_as_missing_and_never_raise(field: str, cell: object, problem: str) -> None:
    decision = route(make_verdict(0.1), context={**SAFE, field: cell})
    assert decision.missing_inputs == (field,)
    assert problem in decision.notices[0] and len(decision.notices[0]) < 160
    assert decision.multipliers[0].assumed


def test_text_cells_of_a_manifest_are_read() -> None:
    cells = {"amount": " 250000.50 ", "new_beneficiary": "Yes", "destination_country": " kp ", "customer_risk": "0.9"}
    decision = route(make_verdict(0.1), context=cells)
    assert [factor.value for factor in decision.multipliers] == [250000.5, True, 0.9, "KP"]
    assert decision.missing_inputs == ()


def test_low_confidence_escalates() -> None:
    decision = route(make_verdict(0.05, confidence=0.59), context=SAFE)
    assert (decision.action, decision.decisive_rule.id) == ("ESCALATE_TO_HUMAN", "low_confidence")
    assert route(make_verdict(0.05, confidence=0.6), context=SAFE).action == "ALLOW"
    assert route(make_verdict(0.05, confidence=math.nan), context=SAFE).action == "ESCALATE_TO_HUMAN"


@pytest.mark.parametrize("policy", list_policies())
@pytest.mark.parametrize("score", [None, 0.0, 1.0])
def test_an_abstention_or_a_missing_verdict_never_allows(policy: str, score: float | None) -> None:
    abstained = make_verdict(score, label="uncertain", abstention="low_snr")
    for verdict, rule in ((abstained, "verdict_abstained"), (None, "verdict_missing")):
        decision = route(verdict, make_verification(), SAFE, policy)
        assert severity(decision) >= ACTIONS.index("ESCALATE_TO_HUMAN")
        assert rule in [fired.id for fired in decision.rules_fired]
        assert decision.voice_risk is None and decision.composite_risk is None


@pytest.mark.parametrize("score", [None, math.nan])
def test_a_verdict_without_a_score_is_an_abstention(score: float | None) -> None:
    assert route(make_verdict(score), context=SAFE).decisive_rule.values["abstention"] == "no_score"


def test_an_abstained_score_blocks_nobody() -> None:
    assert route(make_verdict(1.0, abstention="out_of_domain")).action == "ESCALATE_TO_HUMAN"


def test_labels_set_a_floor() -> None:
    assert route(make_verdict(0.1, label="uncertain"), context=SAFE).action == "REQUIRE_STEP_UP"
    assert route(make_verdict(0.1, label="likely_synthetic"), context=SAFE).action == "REQUIRE_CALLBACK"


def test_every_rule_that_fired_is_listed_the_most_severe_first() -> None:
    decision = route(make_verdict(0.9, confidence=0.2, label="likely_synthetic"), make_verification(False), SAFE)
    assert [rule.id for rule in decision.rules_fired] == [
        "critical_risk",
        "low_confidence",
        "verification_failed",
        "label_likely_synthetic",
    ]
    assert decision.decisive_rule.values == {"composite_risk": 0.9, "threshold": 0.85}


def test_verification_demands() -> None:
    context = {"amount": 10, "customer_risk": 0, "number_mismatch": "no"}
    verdict = make_verdict(0.1)
    assert route(verdict, None, context, "call_centre").decisive_rule.id == "verification_missing"
    assert route(verdict, make_verification(), context, "call_centre").action == "ALLOW"
    assert route(verdict, make_verification(False), context, "call_centre").action == "ESCALATE_TO_HUMAN"
    crossed = route(verdict, make_verification(channel_match=False), context, "call_centre")
    assert crossed.decisive_rule.id == "channel_mismatch"
    weak = replace(load_policy("call_centre").verification, confidence=0.99)
    strict = replace(load_policy("call_centre"), verification=weak)
    assert route(verdict, make_verification(), context, strict).decisive_rule.id == "verification_weak"


def test_a_verified_voice_lifts_only_the_rule_that_asks_for_it() -> None:
    context = {"amount": 60_000, "customer_risk": 0, "number_mismatch": 0}
    alone = route(make_verdict(0.1), None, context, "call_centre")
    assert (alone.action, alone.decisive_rule.values["amount"]) == ("REQUIRE_CALLBACK", 60_000)
    verified = route(make_verdict(0.1), make_verification(), context, "call_centre")
    assert verified.action == "ALLOW" and verified.composite_risk == alone.composite_risk


def test_codes_are_compared_without_capitals() -> None:
    context = {"amount": 5, "payment_method": "Gift_Card", "shipping_mismatch": "f", "customer_risk": 0}
    decision = route(make_verdict(0.2), context=context, policy="ecommerce_checkout")
    assert [factor.id for factor in decision.multipliers] == ["irreversible_payment"]
    unknown = route(make_verdict(0.2), context={**context, "payment_method": "barter"}, policy="ecommerce_checkout")
    assert unknown.missing_inputs == ("payment_method",)


def test_exit_codes_are_apart_from_those_of_the_command_line() -> None:
    assert set(EXIT_CODES) == set(ACTIONS) and EXIT_CODES["ALLOW"] == 0
    others = [code for action, code in EXIT_CODES.items() if action != "ALLOW"]
    assert others == sorted(others) and not set(others) & {*range(6), *range(11, 15)}


def test_the_same_inputs_give_the_same_document() -> None:
    first = route(make_verdict(0.5), make_verification(), SAFE).to_dict()
    assert json.dumps(first) == json.dumps(route(make_verdict(0.5), make_verification(), dict(SAFE)).to_dict())
    assert first["exit_code"] == EXIT_CODES[first["action"]]


def test_hashes_ignore_latency_and_path_and_see_everything_else() -> None:
    base = route(make_verdict(0.5), context=SAFE).input_hashes
    moved = replace(make_verdict(0.5), path="elsewhere.wav", latency_ms=99.0)
    assert route(moved, context=SAFE).input_hashes == base
    assert route(make_verdict(0.51), context=SAFE).input_hashes["verdict_sha256"] != base["verdict_sha256"]
    assert route(make_verdict(0.5), context={}).input_hashes["context_sha256"] is None


# Properties, over every shipped policy

scores = st.floats(0, 1)
confidences = st.floats(0, 1)
labels = st.sampled_from(["likely_real", "uncertain", "likely_synthetic"])
verifications = st.none() | st.builds(
    make_verification, st.booleans(), confidence=confidences, channel_match=st.booleans()
)
verdicts = st.none() | st.builds(
    make_verdict,
    scores,
    confidence=confidences,
    label=labels,
    abstention=st.none() | st.just("low_snr"),
)
cells: dict[str, st.SearchStrategy[Any]] = {
    "number": st.floats(0, 1) | st.floats(0, 1e6) | st.integers(-10, 200_000) | st.text(max_size=4),
    "flag": st.booleans() | st.sampled_from(["yes", "no", "?"]),
    "country": st.sampled_from(["DE", "ir", "KP", "Mars"]),
    "code": st.text(max_size=3),
}


@st.composite
def contexts(draw: st.DrawFn, policy: str) -> dict[str, Any]:
    found = {}
    for name, field in load_policy(policy).inputs.items():
        cell = st.sampled_from(field.allowed) if field.kind == "code" else cells[field.kind]
        found[name] = draw(st.none() | cell)
    return found


@SETTINGS
@given(st.data())
def test_removing_context_never_lowers_the_risk(data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from(list_policies()))
    context = data.draw(contexts(policy))
    verdict, verification = data.draw(verdicts), data.draw(verifications)
    before = route(verdict, verification, context, policy)
    kept = data.draw(st.sets(st.sampled_from(sorted(context)))) if context else set()
    after = route(verdict, verification, {name: context[name] for name in kept}, policy)
    assert severity(after) >= severity(before)
    assert (after.composite_risk or 0) >= (before.composite_risk or 0)
    assert set(after.missing_inputs) >= set(before.missing_inputs)


@SETTINGS
@given(st.data())
def test_raising_the_score_never_lowers_the_action(data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from(list_policies()))
    context, verification = data.draw(contexts(policy)), data.draw(verifications)
    low, high = sorted((data.draw(scores), data.draw(scores)))
    label, confidence = data.draw(labels), data.draw(confidences)
    mild, severe = (
        route(make_verdict(score, label=label, confidence=confidence), verification, context, policy)
        for score in (low, high)
    )
    assert severity(severe) >= severity(mild)
    assert severe.composite_risk is not None and mild.composite_risk is not None
    assert severe.composite_risk >= mild.composite_risk


@SETTINGS
@given(st.data())
def test_raising_a_number_or_a_flag_never_lowers_the_action(data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from([name for name in list_policies() if load_policy(name).inputs]))
    inputs = load_policy(policy).inputs
    context, verdict, verification = data.draw(contexts(policy)), data.draw(verdicts), data.draw(verifications)
    name = data.draw(st.sampled_from([n for n, field in inputs.items() if field.kind in ("number", "flag")]))
    top = min(inputs[name].maximum, 1e6)
    values = [False, True]
    if inputs[name].kind == "number":
        values = sorted(data.draw(st.tuples(st.floats(0, top), st.floats(0, top))))
    mild, severe = (route(verdict, verification, {**context, name: value}, policy) for value in values)
    assert severity(severe) >= severity(mild)
    assert (severe.composite_risk or 0) >= (mild.composite_risk or 0)


@SETTINGS
@given(st.data())
def test_a_failed_verification_never_lowers_the_action(data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from(list_policies()))
    context, verdict = data.draw(contexts(policy)), data.draw(verdicts)
    failed = route(verdict, make_verification(False, confidence=data.draw(confidences)), context, policy)
    assert severity(failed) >= severity(route(verdict, None, context, policy))
    assert severity(failed) >= severity(route(verdict, data.draw(verifications), context, policy))


@SETTINGS
@given(st.data())
def test_lowering_the_confidence_never_lowers_the_action(data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from(list_policies()))
    context, score = data.draw(contexts(policy)), data.draw(scores)
    low, high = sorted((data.draw(confidences), data.draw(confidences)))
    unsure = route(make_verdict(score, confidence=low), None, context, policy)
    assert severity(unsure) >= severity(route(make_verdict(score, confidence=high), None, context, policy))


def test_numbers_of_numpy_count_as_numbers() -> None:
    plain = SAFE | {"amount": 5000, "new_beneficiary": True, "customer_risk": 0.5}
    typed = plain | {"amount": np.int64(5000), "new_beneficiary": np.bool_(True), "customer_risk": np.float32(0.5)}
    assert route(make_verdict(0.3), context=typed) == route(make_verdict(0.3), context=plain)
    missing = route(make_verdict(0.3), context=plain | {"amount": np.float32("nan")})
    assert "amount" in missing.missing_inputs
    assert "amount" in route(make_verdict(0.3), context=plain | {"amount": np.bool_(True)}).missing_inputs


@pytest.mark.parametrize("policy", list_policies())
def test_a_splice_asks_for_a_step_up_and_by_itself_for_no_more(policy: str) -> None:
    span = Splice(0, None, 61.0, 66.0, 1.4, "unlike the rest of the call in voice and line")
    clean, spliced = make_verdict(0.05), replace(make_verdict(0.05), splices=(span,))
    before, after = (route(verdict, make_verification(), SAFE, policy) for verdict in (clean, spliced))
    rule = next(rule for rule in after.rules_fired if rule.id == "spliced_speech")
    assert (rule.action, rule.values) == ("REQUIRE_STEP_UP", {"splices": 1})
    assert "61 to 66 s" in rule.reason
    assert severity(after) == max(severity(before), ACTIONS.index("REQUIRE_STEP_UP"))
    assert after.composite_risk == before.composite_risk
