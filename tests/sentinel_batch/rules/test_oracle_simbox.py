"""Rules of SIM boxes on profiles against a brute force."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from thoroughness import examples

from tests.sentinel_batch.rules.simbox_inputs import DAY, FIRST_DAY, MIDNIGHT, Day
from tests.sentinel_batch.rules.simbox_oracle import (
    Row,
    Trial,
    by_minutes,
    check,
    figures_of,
    lower_bound,
    total,
    trials,
)

MOST_INCOMING, MOST_CALLING_BACK = 0.35, 0.3
LADDER = {"critical_minutes": 30, "high_minutes": 15, "medium_minutes": 5}
SETTINGS = settings(max_examples=examples(25, quick=6), deadline=None, suppress_health_check=list(HealthCheck))


def draw_days(randomness: random.Random, numbers: int, draw: Any) -> list[Day]:
    """Return up to eight days of each number; half of the numbers are hardly ever called, so that some qualify."""
    return [
        Day(f"number {number}", index, draw(randomness, number % 2 == 0))
        for number in range(numbers)
        for index in range(8)
        if randomness.random() < 0.7
    ]


def draw_traffic(randomness: random.Random, quiet: bool) -> dict[str, Any]:
    callees = randomness.randint(1, 6)
    incoming = 0 if quiet and randomness.random() < 0.8 else randomness.randint(0, 3)
    new = randomness.choice([None, 0, callees, callees, callees - 1])
    return {
        "call_count": callees + randomness.randint(0, 3),
        "unique_callees": callees,
        "new_callees": new,
        "callees_calling_back": randomness.choice([None, 0, 0, 0, min(1, callees)]),
        "total_minutes": randomness.choice([0.0, 0.25, 2.5, 4.0, 10.75]),
        "incoming_calls": incoming,
        "incoming_minutes": incoming * randomness.choice([0.0, 0.25, 0.5]),
        "history_days": randomness.choice([6, 7, 8, 28]),
    }


def two_way_days(days: list[Day], trial: Trial, share: Fraction) -> set[int]:
    """Return the days on which more than this share of the callers were called."""
    known = [day for day in days if day.start < trial.until]
    return {
        index
        for index in {day.index for day in known}
        for callers in [[day for day in known if day.index == index]]
        if sum(day["incoming_calls"] > 0 for day in callers) > share * len(callers)
    }


Contacts = dict[tuple[str, str, int], tuple[int, int]]
"""Caller, callee and day to the calls that one made to the other, and their seconds."""


def draw_contacts(days: list[Day], trial: Trial) -> Contacts:
    """Return calls among the numbers: half of them to one of four, who often call back."""
    randomness, contacts = trial.randomness, {}
    for day in days:
        other = f"number {2 * randomness.randint(0, 3)}"
        if other != day.number and randomness.random() < 0.5:
            contacts[day.number, other, day.index] = (randomness.randint(1, 2), 15 * randomness.randint(0, 8))
            contacts[other, day.number, day.index] = (1, 30)
    return contacts


def tabulate_contacts(contacts: Contacts) -> pl.DataFrame:
    rows = [
        (caller, callee, MIDNIGHT + index * DAY + DAY / 12, seconds if call == 0 else 0, FIRST_DAY + index * DAY)
        for (caller, callee, index), (count, seconds) in contacts.items()
        for call in range(count)
    ]
    schema = {
        "caller_number": pl.String(),
        "callee_number": pl.String(),
        "call_timestamp": pl.Datetime("us", "UTC"),
        "duration_seconds": pl.Int64(),
        "local_date": pl.Date(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def among_peers(days: list[Day], contacts: Contacts, trial: Trial, least: int) -> Contacts:
    """Return the calls that numbers make to each other which look like suspects, of those that are read."""
    begin = trial.since - trial.window_days * DAY
    read = [day for day in days if day.end > begin and day.start < trial.until]

    def is_peer(own: list[Day]) -> bool:
        callees, calls = total(own, "unique_callees"), total(own, "call_count")
        new = [day["new_callees"] for day in own if day["new_callees"] is not None]
        enough = callees >= max(least, 5) and bool(new) and 2 * sum(new) >= callees
        return enough and 2 * total(own, "incoming_calls") <= calls

    by_number = {day.number: [other for other in read if other.number == day.number] for day in read}
    peers = {number for number, own in by_number.items() if is_peer(own)}
    return {
        (caller, callee, index): what
        for (caller, callee, index), what in contacts.items()
        if {caller, callee} <= peers and begin < MIDNIGHT + index * DAY + DAY / 12 <= trial.until
    }


def upper_share(share: Fraction, sample: int) -> float:
    """Return Wilson's upper bound as Wilson wrote it, one-sided at 95 %."""
    z, p = 1.645, float(share)
    middle = p + z * z / (2 * sample)
    return (middle + z * math.sqrt(p * (1 - p) / sample + z * z / (4 * sample**2))) / (1 + z * z / sample)


def try_ratio(trial: Trial) -> int:
    days = draw_days(trial.randomness, 24, draw_traffic)
    ratio = trial.randomness.choice([0.0625, 0.125, 0.25, 1.0])
    guard = trial.randomness.choice([0.0, 0.25, 0.5])
    contacts = draw_contacts(days, trial)
    open_days = two_way_days(days, trial, Fraction(guard))
    peers = among_peers([day for day in days if day.index in open_days], contacts, trial, 5)

    def judge(latest: Day, inside: list[Day]) -> Row | None:
        counted = [day for day in inside if day.index in open_days]
        if latest not in counted or len(counted) < 2 or lower_bound(counted) < 5:
            return None
        calls, minutes = total(counted, "call_count"), total(counted, "total_minutes")
        called = heard = Fraction(0)
        own_calls, own_minutes, known = Fraction(calls), Fraction(minutes), 0
        for day in counted:
            made = [what for (a, _, index), what in peers.items() if (a, index) == (day.number, day.index)]
            got = [what for (_, b, index), what in peers.items() if (b, index) == (day.number, day.index)]
            own_calls -= sum(n for n, _ in made)
            own_minutes -= Fraction(sum(seconds for _, seconds in made), 60)
            called += max(day["incoming_calls"] - sum(n for n, _ in got), 0)
            heard += max(Fraction(day["incoming_minutes"]) - Fraction(sum(s for _, s in got), 60), Fraction(0))
            known += sum(n for n, _ in [*made, *got])
        if not (own_calls > 0 and called < Fraction(ratio) * own_calls and heard < Fraction(ratio) * own_minutes):
            return None
        bound = upper_share(called / (own_calls + called), int(own_calls + called))
        if 2 * lower_bound(counted) < calls or bound > MOST_INCOMING:
            return None
        larger = max(called / own_calls, heard / own_minutes)
        parts = (
            (1 - larger / Fraction(ratio)) / 2,
            (1 - bound / MOST_INCOMING) / 4,
            (1 - Fraction(2, len(counted))) / 4,
        )
        return {
            **figures_of(counted),
            "severity": by_minutes(minutes, LADDER),
            "confidence": float(sum(map(float, parts))),
            "active_days": len(counted),
            "outgoing_minutes": minutes,
            "incoming_calls": int(called),
            "incoming_minutes": heard,
            "in_out_call_ratio": called / own_calls,
            "in_out_duration_ratio": heard / own_minutes,
            "incoming_bound": bound,
            "peer_calls": known,
        }

    parameters = {
        "min_unique_destinations": 5,
        "max_in_out_ratio": ratio,
        "min_called_share": guard,
        "max_incoming_bound": MOST_INCOMING,
        "min_peer_callees": 5,
    }
    calls = tabulate_contacts(contacts)
    return check("SIMBOX_RATIO", days, trial, judge, parameters=parameters, constants=LADDER, calls=calls)


def draw_places(randomness: random.Random, still: bool) -> dict[str, Any]:
    homes = ["home"] if still else ["home", "work", "shop"]
    cells = randomness.sample(homes, randomness.randint(0, min(2, len(homes))))
    first, second = (*cells, None, None)[:2]
    count = 3 if not still and randomness.random() < 0.1 else len(cells)
    places = {"distinct_cells": count, "first_cell": first, "second_cell": second}
    return {**draw_traffic(randomness, still), **places}


def try_static(trial: Trial) -> int:
    days = draw_days(trial.randomness, 24, draw_places)
    most = trial.randomness.choice([1, 2])

    def judge(latest: Day, inside: list[Day]) -> Row | None:
        busy = [day for day in inside if day["unique_callees"] >= 3 and 1 <= day["distinct_cells"] <= most]
        cells = sorted({cell for day in inside for cell in (day["first_cell"], day["second_cell"]) if cell})
        if latest not in busy or len(busy) < 2 or len(cells) > most or max(d["distinct_cells"] for d in inside) > most:
            return None
        mean = Fraction(total(busy, "unique_callees"), len(busy))
        share = 3 * (1 - 3 / mean) + 3 * (1 - Fraction(2, len(busy))) + 4 * (1 - Fraction(len(cells) - 1, most))
        return {
            **figures_of(inside),
            "severity": by_minutes(total(inside, "total_minutes"), LADDER),
            "confidence": share / 10,
            "busy_days": len(busy),
            "mean_daily_destinations": mean,
            "outgoing_minutes": total(inside, "total_minutes"),
            "cells": len(cells),
            "cell": cells[0],
            "other_cell": cells[1] if len(cells) > 1 else None,
        }

    parameters = {"min_unique_destinations": 3, "min_busy_days": 2, "max_cells": most}
    return check("SIMBOX_STATIC", days, trial, judge, parameters=parameters, constants=LADDER)


def try_norecip(trial: Trial) -> int:
    days = draw_days(trial.randomness, 24, draw_traffic)
    new_share = trial.randomness.choice([0.0, 0.5, 0.9])
    back = trial.randomness.choice([0.0625, 0.1, 0.25])
    guard = trial.randomness.choice([0.0, 0.25])
    contacts = draw_contacts(days, trial)
    open_days = two_way_days(days, trial, Fraction(guard))

    def counts(day: Day) -> bool:
        known = day["new_callees"] is not None and day["callees_calling_back"] is not None
        return known and day["history_days"] >= 7 and day.index in open_days

    peers = among_peers([day for day in days if counts(day)], contacts, trial, 5)

    def ring_back(day: Day) -> int:
        """Return how many peers the number called that day that called it by then."""
        rung = {b for a, b, index in peers if (a, index) == (day.number, day.index)}
        return len({a for a, b, index in peers if a in rung and b == day.number and index <= day.index})

    def judge(latest: Day, inside: list[Day]) -> Row | None:
        counted = [_without_peers(day, ring_back(day)) for day in inside if counts(day)]
        if latest.index not in [day.index for day in counted] or lower_bound(counted) < 5:
            return None
        callees = total(counted, "unique_callees")
        new = Fraction(total(counted, "new_callees"), callees)
        calling = Fraction(total(counted, "callees_calling_back"), callees)
        least, most = Fraction(str(new_share)), Fraction(str(back))
        bound = upper_share(calling, lower_bound(counted))
        if new < least or calling > most or bound > MOST_CALLING_BACK:
            return None
        parts = ((new - least) / (1 - least), 1 - calling / most, 1 - bound / MOST_CALLING_BACK)
        return {
            **figures_of(counted),
            "severity": by_minutes(total(counted, "total_minutes"), LADDER),
            "confidence": sum(map(float, parts)) / 3,
            "active_days": len(counted),
            "outgoing_minutes": total(counted, "total_minutes"),
            "new_callees": total(counted, "new_callees"),
            "new_callee_share": new,
            "callees_calling_back": total(counted, "callees_calling_back"),
            "reciprocity": calling,
            "reciprocity_bound": bound,
            "peers_calling_back": sum(day["peers"] for day in counted),
        }

    parameters = {
        "min_unique_destinations": 5,
        "min_new_callee_share": new_share,
        "max_reciprocity": back,
        "max_reciprocity_bound": MOST_CALLING_BACK,
        "min_called_share": guard,
        "min_peer_callees": 5,
    }
    calls = tabulate_contacts(contacts)
    return check("SIMBOX_NORECIP", days, trial, judge, parameters=parameters, constants=LADDER, calls=calls)


def _without_peers(day: Day, peers: int) -> Day:
    callees = day["unique_callees"] - peers
    figures = {
        "unique_callees": callees,
        "new_callees": min(day["new_callees"], callees),
        "callees_calling_back": max(day["callees_calling_back"] - peers, 0),
        "peers": peers,
    }
    return Day(day.number, day.index, {**day.figures, **figures})


def draw_devices(randomness: random.Random, banked: bool) -> dict[str, Any]:
    pool = BANK if banked else HANDSETS
    devices = randomness.sample(pool, randomness.choice([0, 1, 1, 1, 2, 3]))
    return {
        **draw_traffic(randomness, banked),
        "imei_count": len(devices),
        "top_imei": devices[0] if devices else None,
        "first_cell": randomness.choice([None, "home", "work"]),
        "distinct_cells": randomness.choice([0, 1, 2]),
        "devices": devices,
    }


def list_calls(days: list[Day]) -> pl.DataFrame:
    rows = [(day.number, imei, day.first_call) for day in days for imei in [*day["devices"], None]]
    schema = {"caller_number": pl.String(), "imei": pl.String(), "call_timestamp": pl.Datetime("us", "UTC")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def device_of(imei: str) -> str | None:
    """Return the device of an IMEI, or None if it is not one."""
    digits = imei.isascii() and imei.isdigit() and 14 <= len(imei) <= 16
    return imei[:14] if digits and len(set(imei[:14])) > 1 and imei[:2] != "00" and imei not in IGNORED else None


BANK = ["35693803564380", "356938035643801", "3569380356438099", "35693803564381", "86000000000000"]
HANDSETS = [f"3512340000{number:04d}0" for number in range(20)] + ["0" * 15, "9" * 14, "00499901064000", "x" * 15, "12"]
IGNORED = ("86000000000000",)


def is_one_way(own: list[Day]) -> bool:
    """Tell whether a number is hardly called, and calls strangers on the days whose callees say anything."""
    known = [day for day in own if day["history_days"] >= 7]
    new = sum(day["new_callees"] or 0 for day in known)
    called = 10 * total(own, "incoming_calls") <= 4 * total(own, "call_count")
    silent = bool(known) and all(day["new_callees"] is None for day in known)
    return called and not (silent and len(known) == len(own)) and 2 * new >= sum(d["unique_callees"] for d in known)


def try_imei(trial: Trial) -> int:
    days = draw_days(trial.randomness, 12, draw_devices)
    most, least = trial.randomness.choice([3, 4, 100]), trial.randomness.choice([0.25, 0.5, 1.0])
    calls = list_calls(days)
    active = [day for day in days if day["call_count"] >= 3 and day["imei_count"] > 0 and day.start < trial.until]
    used = {(day.number, day.index): {device_of(imei) for imei in day["devices"]} - {None} for day in active}

    def judge(latest: Day, inside: list[Day]) -> Row | None:
        period = range(latest.index - trial.window_days + 1, latest.index + 1)
        counted = [day for day in active if day.index in period]
        users = {
            device: {day.number for day in counted if device in used[day.number, day.index]}
            for device in used.get((latest.number, latest.index), ())
        }
        cells_of = {
            device: {day["first_cell"] for day in counted if device in used[day.number, day.index]} - {None}
            for device in users
        }
        alone = {
            device: {n for n in numbers if is_one_way([day for day in counted if day.number == n])}
            for device, numbers in users.items()
        }
        sizes = sorted(
            (-len(numbers), device)
            for device, numbers in users.items()
            if len(numbers) <= most and (len(numbers) < 3 or len(alone[device]) >= least * len(numbers))
        )
        if not sizes:
            return None
        numbers, device = -sizes[0][0], sizes[0][1]
        own = [day for day in counted if day.number == latest.number]
        small = {d for d in set().union(*(used[day.number, day.index] for day in own))}
        if numbers < 3 and len(small) < 3:
            return None
        cells = len(cells_of[device]) if numbers >= 3 else max(day["distinct_cells"] for day in own)
        excess = max(1 - Fraction(3, numbers), 1 - Fraction(3, len(small)))
        size = max(numbers, len(small))
        return {
            **figures_of(own),
            "severity": 1 + (size >= 4) + (size >= 5) + (size >= 6),
            "confidence": excess / 2 + Fraction(len(alone[device]), 2 * numbers),
            "imei": device,
            "other_numbers": numbers - 1,
            "one_way_numbers": len(alone[device]),
            "imeis_of_number": len(small),
            "cells": cells or None,
            "outgoing_minutes": total(own, "total_minutes"),
        }

    parameters = {"min_calls": 3, "max_numbers": most, "min_one_way": least}
    sizes = {"medium_size": 4, "high_size": 5, "critical_size": 6}
    plain = [Day(day.number, day.index, {k: v for k, v in day.figures.items() if k != "devices"}) for day in days]
    return check("SIMBOX_IMEI", plain, trial, judge, parameters=parameters, constants=sizes, calls=calls)


TRIES = (try_ratio, try_static, try_norecip, try_imei)


@pytest.mark.parametrize("attempt", TRIES)
@SETTINGS
@given(trial=trials())
def test_rules_agree_with_brute_force(attempt: Callable[[Trial], int], trial: Trial) -> None:
    attempt(trial)


@pytest.mark.parametrize("attempt", TRIES)
def test_the_trials_have_findings(attempt: Callable[[Trial], int]) -> None:
    assert attempt(Trial(MIDNIGHT, MIDNIGHT + 8 * DAY, 3, 1)) > 1
