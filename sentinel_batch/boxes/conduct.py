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

OFFICE_HOURS, OFFICE_SHARE = 10, 0.95
"""An office makes nearly all of its calls within so many hours of the day,"""

CLOSED_DAY, WEEK = 0.02, 7
"""and hardly any on one day of a week (a window that is shorter does not tell);"""

WEEKEND = 2
"""and it is there all the time, but for a weekend at either end of the window: SIMs come and go, offices do not."""

_DAY_HOURS = 24


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
    if _keeps_office_hours(candidates, places):
        return (
            f"{OFFICE_SHARE:.0%} of its calls lie in {OFFICE_HOURS} hours of the day, and not on every day of the week"
        )
    return None


def _keeps_office_hours(candidates: Candidates, places: Sequence[int]) -> bool:
    hours = candidates.hours[places].sum(axis=0)
    # Twice around the clock, for those who work past midnight.
    added = np.cumsum(np.concatenate([[0.0], hours, hours]))
    busiest = (added[OFFICE_HOURS:] - added[:-OFFICE_HOURS])[:_DAY_HOURS].max()
    seen = np.flatnonzero(candidates.daily.sum(axis=0))
    days = candidates.daily[places].sum(axis=0)[seen]
    open_days = np.flatnonzero(days)
    there = open_days[0] <= WEEKEND and open_days[-1] >= len(days) - 1 - WEEKEND
    closed = there and (len(days) < WEEK or days.min() < CLOSED_DAY * days.sum())
    return bool(busiest >= OFFICE_SHARE * hours.sum() and closed)
