"""Clients of the service, for locust: mixed reads, and one who reviews. ``python -m benchmarks.service`` starts them.

The environment says what they need: ``BENCH_CALLS``, the calls of the lake; ``BENCH_PAUSE``, seconds between an answer
and the next request (at most twice as many, at random).
"""

from __future__ import annotations

import os
import random
from typing import Any

from locust import FastHttpUser, constant_pacing, task

from benchmarks.read_lake import CALLS_PER_CALLER, SUSPECTS, name_callers, pick_suspects

CALLS = int(os.environ.get("BENCH_CALLS", "2000000"))
PAUSE = float(os.environ.get("BENCH_PAUSE", "0"))
SUSPECT_NUMBERS = name_callers(pick_suspects(CALLS)).to_list()
_FILTERS = ("", "?severity=HIGH", "?reviewed=false", "?reviewed=false&severity=HIGH", "?limit=200", "?sort=last_seen")


class Analyst(FastHttpUser):
    """One who reads: lists, numbers (half of them of nobody in particular), explanations, now and then cases."""

    def wait_time(self) -> float:
        """Return how long an answer is looked at."""
        return random.uniform(0, 2 * PAUSE)

    @task(8)
    def list_alerts(self) -> None:
        """Ask for a list."""
        self._get("/api/v1/sentinel/alerts" + random.choice(_FILTERS), "alerts")

    @task(8)
    def show_number(self) -> None:
        """Ask for the risk of a number."""
        anybody = f"+{2_348_000_000_000 + random.randrange(CALLS // CALLS_PER_CALLER)}"
        self._get("/api/v2/numbers/" + random.choice((anybody, random.choice(SUSPECT_NUMBERS))), "risk")

    @task(4)
    def explain(self) -> None:
        """Ask why."""
        self._get(f"/api/v2/alerts/{random.randint(1, SUSPECTS)}/explain", "explain")

    @task(1)
    def list_cases(self) -> None:
        """Ask what is worked on."""
        self._get(random.choice(("/api/v2/cases", "/api/v2/boxes")), "cases")

    def _get(self, path: str, name: str) -> None:
        with self.client.get(path, name=name, catch_response=True) as answer:
            _judge(answer)


class Reviewer(FastHttpUser):
    """One who writes a note every five seconds, so that lists change while they are read."""

    fixed_count = 1
    wait_time = constant_pacing(5)

    @task
    def annotate(self) -> None:
        """Change the notes of an alert."""
        path = f"/api/v1/sentinel/alerts/{random.randint(1, SUSPECTS)}"
        notes = {"reviewer_notes": f"seen {random.random()}"}
        with self.client.patch(path, json=notes, name="review", catch_response=True) as answer:
            _judge(answer)


def _judge(answer: Any) -> None:
    """Count an answer as failed unless it is the document that was asked for."""
    try:
        good = answer.status_code == 200 and answer.json()["status"] == "success"
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        answer.failure(f"{answer.status_code}: {(answer.text or '')[:200]}")
