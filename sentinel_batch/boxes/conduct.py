"""Box or honest crowd: lines of a firm, riders of a depot and senders of codes are tied together as well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentinel_batch.boxes.candidates import SUMS, Candidates

MOST_INCOMING = 0.1
"""A group that is called more than so often for each call that it makes is known to those whom it calls."""

SHORT_TALK = 0.4
"""A group whose answered calls last less than this share of the candidates' median is not paid for minutes."""

FAMILIAR = 2.0
"""A group that calls each of its callees more often than this is a circle of friends, or has a list."""

FULL_WEEK = 7
CLOSED_DAY = 0.02
CLOSED_NIGHT = 0.02
"""Shares of the calls on the quietest day of the week and from 21:00 to 07:00: less of both is a closed office."""

_NIGHT_HOURS = (*range(7), *range(21, 24))


def doubt_group(candidates: Candidates, members: Sequence[int]) -> str | None:
    """Say why a group is rather an honest crowd than a SIM box; None if nothing speaks for that.

    A box carries paid conversations from abroad, to whom its customers want: nobody calls it, it has hardly a callee
    twice, its calls last as long as conversations do, and it does not close, because those who pay it do not. The
    yardsticks are the other candidates, and the week.
    """
    places = list(members)
    sums = dict(zip(SUMS, candidates.sums[places].sum(axis=0), strict=True))
    callees, calls, incoming = sums["callees"], sums["outside_calls"], sums["incoming_calls"]
    if incoming > MOST_INCOMING * calls:
        return f"called {incoming:,.0f} times for {calls:,.0f} calls that it made to {callees:,.0f} callees"
    if calls > FAMILIAR * callees:
        return f"called each of its {callees:,.0f} callees {calls / callees:.1f} times"
    usual = float(np.median(candidates.talk))
    talk = sums["outside_minutes"] / max(sums["outside_completed"], 1.0)
    if talk < SHORT_TALK * usual:
        return f"answered calls last {60 * talk:.0f} s, where others' last {60 * usual:.0f} s"
    week, hours = candidates.weekdays[places].sum(axis=0), candidates.hours[places].sum(axis=0)
    span = candidates.last[places].max() - candidates.first[places].min() + 1
    night = hours[list(_NIGHT_HOURS)].sum() / max(hours.sum(), 1.0)
    if span >= FULL_WEEK and week.min() < CLOSED_DAY * week.sum() and night < CLOSED_NIGHT:
        return f"closed at night and on {_WEEKDAYS[int(week.argmin())]}s"
    return None


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
