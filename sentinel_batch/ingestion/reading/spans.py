"""Aligned columns: where each begins, from the header, its ruler, and the gaps that run through the lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

SAMPLE_LINES = 200
"""So many lines are looked at."""

RULER = re.compile(r"^[\s|+=-]*-{2,}[\s|+=-]*$")
"""A line of dashes below a header."""


def find_spans(lines: Sequence[str], header: int) -> tuple[tuple[int, int | None], ...]:
    """Return start and end (None is the line's end) of each column, in characters; none where columns do not align."""
    ruler = lines[header + 1] if header + 1 < len(lines) else ""
    if RULER.match(ruler) and " " in ruler.strip() and "|" not in ruler and "+" not in ruler:
        starts = [match.start() for match in re.finditer(r"-+", ruler)]
        return tuple((start, end) for start, end in zip(starts, [*starts[1:], None], strict=True))
    titles = list(re.finditer(r"\S+(?: \S+)*", lines[header]))
    if len(titles) < 4:
        return ()
    sample = [line for line in lines[header : header + SAMPLE_LINES] if len(line.split()) >= len(titles) // 2]
    width = max(map(len, sample))
    blank = [all(place >= len(line) or line[place] == " " for line in sample) for place in range(width)]
    starts = [0]
    for left, right in pairwise(titles):
        gaps = [place for place in range(left.start() + 1, right.end()) if place < width and blank[place]]
        if not gaps:
            return ()
        starts.append(_widest_run(gaps) + 1)
    return tuple((start, end) for start, end in zip(starts, [*starts[1:], None], strict=True))


def _widest_run(places: list[int]) -> int:
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return max(runs, key=len)[-1]
