"""Daily profiles and examples drawn at random, for the tests of learning: honest callers, a call centre, SIM boxes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

FIRST = date(2026, 3, 2)


def daily_profile(number: str, day: int, **other: Any) -> dict[str, Any]:
    """Return the profile of an ordinary subscriber on the so many-th day."""
    start = datetime(2026, 3, 1, 23, tzinfo=UTC) + timedelta(days=day)
    return {
        "number": number,
        "local_date": FIRST + timedelta(days=day),
        "day_start": start,
        "day_end": start + timedelta(days=1),
        "segment": "consumer",
        "call_count": 6,
        "unique_callees": 4,
        "total_minutes": 12.0,
        "night_calls": 0,
        "incoming_calls": 5,
        "incoming_minutes": 11.0,
        "incoming_callers": 3,
        "mean_duration": 120.0,
        "median_duration": 90.0,
        "completed_calls": 5,
        "mean_completed_duration": 144.0,
        "international_calls": 0,
        "distinct_cells": 3,
        "first_cell": f"LOS{int(number[-3:]) % 20:03d}",
        "top_cell_share": 0.6,
        "gap_mean": 4000.0,
        "gap_cv": 1.2,
        "gap_min": 60.0,
        "new_callees": 1,
        "history_days": 10 + day,
        "callees_calling_back": 2,
        "prefix_concentration": 0.3,
        "hour_entropy": 2.2,
        "short_calls": 0,
        "imei_count": 1,
        "imsi_count": 1,
        "top_imei": f"imei {number}",
        "last_call": start + timedelta(hours=20),
        "calls_z": 0.1,
        "international_z": 0.0,
        "night_share_z": 0.0,
        **other,
    }


def draw_profiles(honest: int = 300, boxes: int = 8, sims: int = 4, days: int = 12, seed: int = 1) -> pl.DataFrame:
    """Return daily profiles of honest callers, of call centres (a twentieth of them), and of SIM boxes."""
    random = np.random.default_rng(seed)
    rows = []
    for place in range(honest):
        number, centre = f"+234803000{place:04d}", place % 20 == 0
        for day in range(days):
            calls = int(random.poisson(90 if centre else 7)) + 1
            callees = max(1, round(calls * (random.uniform(0.8, 1.0) if centre else random.uniform(0.4, 0.8))))
            own = {"incoming_calls": int(random.poisson(25 if centre else 6))}
            own |= {"new_callees": round(callees * random.uniform(0.3, 0.9 if centre else 0.4))}
            own |= {"callees_calling_back": round(callees * random.uniform(0.05 if centre else 0.3, 0.8))}
            rows.append(daily_profile(number, day, call_count=calls, unique_callees=callees, **own))
    for box in range(boxes):
        for sim in range(sims):
            number = f"+234806{box:03d}{sim:04d}"
            for day in range(days):
                calls = int(random.poisson(40)) + 1
                own = {"call_count": calls, "unique_callees": round(calls * 0.95), "new_callees": round(calls * 0.93)}
                own |= {"incoming_calls": int(random.poisson(0.5)), "incoming_callers": 0, "incoming_minutes": 0.2}
                own |= {"callees_calling_back": 0, "distinct_cells": 1, "first_cell": f"ABJ{box:03d}"}
                rows.append(daily_profile(number, day, top_cell_share=1.0, top_imei=f"box {box} {sim // 2}", **own))
    return pl.DataFrame(rows)


def draw_truth(boxes: int = 8, sims: int = 4, days: int = 12) -> pl.DataFrame:
    """Return the truth of the SIM boxes of :func:`draw_profiles`."""
    rows = [
        {
            "number": f"+234806{box:03d}{sim:04d}",
            "role": "fraud",
            "kind": "simbox",
            "strategy": "naive" if box % 2 else "capped",
            "box_id": f"b{box}",
            "first_day": FIRST,
            "last_day": FIRST + timedelta(days=days - 1),
        }
        for box in range(boxes)
        for sim in range(sims)
    ]
    return pl.DataFrame(rows)
