"""Rules of habits, NIGHT_SHIFT and BEHAVIOUR_SHIFT, against a brute force."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from thoroughness import examples

from tests.sentinel_batch.rules.simbox_inputs import DAY, MIDNIGHT, Day
from tests.sentinel_batch.rules.simbox_oracle import Row, Trial, check, figures_of, total, trials

SCORES = ("calls_z", "callees_z", "minutes_z", "international_z", "night_z")


def draw_days(randomness: random.Random) -> list[Day]:
    return [
        Day(f"number {number}", index, draw_figures(randomness))
        for number in range(20)
        for index in range(8)
        if randomness.random() < 0.7
    ]


def draw_figures(randomness: random.Random) -> dict[str, Any]:
    callees = randomness.randint(1, 8)
    calls = callees + randomness.randint(0, 4)
    night = randomness.randint(0, calls)
    return {
        "call_count": calls,
        "unique_callees": callees,
        "new_callees": randomness.choice([None, 0, callees]),
        "total_minutes": randomness.choice([0.0, 0.5, 3.25]),
        "international_calls": randomness.randint(0, 3),
        "active_days": randomness.choice([4, 7, 8, 14]),
        "night_calls": night,
        "night_callees": min(night, callees),
        "night_share_z": randomness.choice([None, -1.0, 4.875, 5.0, 8.0]),
        **{score: randomness.choice([None, 0.0, 5.875, 6.0, 9.0]) for score in SCORES},
    }


def try_night(trial: Trial) -> int:
    share = trial.randomness.choice([0.25, 0.4, 0.5])

    def counts(day: Day) -> bool:
        enough = day["call_count"] >= 4 and day["night_callees"] >= 2 and (day["night_share_z"] or 0) >= 5
        return enough and Fraction(day["night_calls"], day["call_count"]) >= Fraction(str(share))

    def judge(latest: Day, inside: list[Day]) -> Row | None:
        counted = [day for day in inside if counts(day)]
        if latest not in counted or len(counted) < 2:
            return None
        night = Fraction(total(counted, "night_calls"), total(counted, "call_count"))
        score = total(counted, "night_share_z") / len(counted)
        return {
            **figures_of(counted),
            "severity": 1 + (night >= Fraction(3, 5)) + (len(counted) >= 3),
            "confidence": (1 - 5 / score) / 2 + night / 2,
            "night_days": len(counted),
            "night_calls": total(counted, "night_calls"),
            "max_night_callees": max(day["night_callees"] for day in counted),
            "night_share": night,
            "night_share_z": score,
        }

    parameters = {"min_calls": 4, "min_night_callees": 2, "min_night_share": share}
    days = draw_days(trial.randomness)
    return check("NIGHT_SHIFT", days, trial, judge, parameters=parameters, constants={"severe_days": 3})


def try_behaviour(trial: Trial) -> int:
    least, days_needed = trial.randomness.choice([1, 2, 3]), trial.randomness.choice([1, 2])

    def shifted(day: Day) -> list[str]:
        enough = day["call_count"] >= 4 and day["active_days"] >= 7
        return [score for score in SCORES if enough and (day[score] or 0) >= 6]

    def judge(latest: Day, inside: list[Day]) -> Row | None:
        counted = [day for day in inside if len(shifted(day)) >= least]
        if latest not in counted or len(counted) < days_needed:
            return None
        signals = shifted(latest)
        abroad, many = "international_z" in signals, len(signals) >= 4
        severity = 4 if abroad and many else 3 if abroad or many else 2 if len(signals) == 3 else 1
        largest = max(latest[score] or 0 for score in SCORES)
        return {
            **figures_of(counted),
            "severity": severity,
            "confidence": Fraction(len(signals), 10) + (1 - 6 / Fraction(largest)) / 2,
            "shifted_days": len(counted),
            "signals": len(signals),
            **{score: latest[score] for score in SCORES},
            "international_calls": total(counted, "international_calls"),
            "outgoing_minutes": total(counted, "total_minutes"),
            "history_active_days": latest["active_days"],
        }

    parameters = {"min_calls": 4, "min_z": 6.0, "min_signals": least, "min_days": days_needed}
    return check("BEHAVIOUR_SHIFT", draw_days(trial.randomness), trial, judge, parameters=parameters)


@pytest.mark.parametrize("attempt", [try_night, try_behaviour])
@settings(max_examples=examples(25, quick=6), deadline=None, suppress_health_check=list(HealthCheck))
@given(trial=trials())
def test_rules_agree_with_brute_force(attempt: Callable[[Trial], int], trial: Trial) -> None:
    attempt(trial)


@pytest.mark.parametrize("attempt", [try_night, try_behaviour])
def test_the_trials_have_findings(attempt: Callable[[Trial], int]) -> None:
    assert attempt(Trial(MIDNIGHT, MIDNIGHT + 8 * DAY, 3, 1)) > 1
