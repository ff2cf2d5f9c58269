"""Ask the service while its lake is written: ``python -m benchmarks.reading_service [--reads 20000] [--commits 400]``.

:mod:`benchmarks.reading` over HTTP: a real service answers, of whose answers many come from its memory. Each must be
that of a version of the calls that was the newest at some time between question and answer.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from benchmarks.reading import END, NUMBERS, Answer, Figures, Trial, is_same, main, work_out
from benchmarks.service_load import served

_MEASURES = ("call_count", "unique_destinations", "avg_duration_seconds")


class ServiceTrial(Trial):
    """A trial whose questions go to a service in a process of its own."""

    @contextmanager
    def _opened(self) -> Iterator[None]:
        settings = self.folder / "sentinel.toml"
        settings.write_text('timezone = "UTC"\n')
        with served(self.lake.path, self.folder / "log", further=["--config", str(settings)]) as (self.url, _):
            yield

    def _ask(self, place: int) -> None:
        # Few numbers, each asked for again and again: an answer that was kept too long would show.
        number, before, clock = NUMBERS[place % 10], self.newest, time.perf_counter()
        if place % 3:
            risk = self._get(f"numbers/{number}?at={quote(END.isoformat())}")["risk"]
            figures: Figures = tuple(risk[name] for name in _MEASURES)
        else:
            reasons = self._get(f"numbers/{number}/explain")["reasons"]
            days = (one["day_value"] for one in reasons)
            figures = (*days, reasons[0]["callers"], *(one["percentile"] for one in reasons))
        self.answers.append(Answer(number, figures, 0, before, self.newest, time.perf_counter() - clock))

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/api/v2/{path}", timeout=60) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    def _judge(self, answer: Answer) -> str | None:
        first = max(version for version in self.calls if version <= answer.before)
        # A commit can be read before its writer knows that it is done.
        last = min((version for version in self.calls if version > answer.after), default=answer.after)
        versions = [version for version in self.calls if first <= version <= last]
        expected = [work_out(self.calls[version], answer.number)[: len(answer.figures)] for version in versions]
        if any(is_same(answer.figures, figures) for figures in expected):
            return None
        return f"{answer.number} between {answer.before} and {answer.after}: {answer.figures}, not {expected}"


if __name__ == "__main__":
    main(ServiceTrial, "reading_service", __doc__)
