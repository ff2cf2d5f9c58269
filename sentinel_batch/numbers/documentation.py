"""The tables of docs/numbers.md: ``python -m sentinel_batch.numbers.documentation docs/numbers.md``.

Beside the page, ``numbers-ambiguous.csv`` gets every pair; the page has the largest.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from functools import cache

from sentinel_batch.generated_pages import replace_parts, take_place

from .kinds import KINDS, READINGS
from .overlaps import Overlap, find_overlaps
from .plan import code_of_region, list_regions

SHOWN = 3
"""Pairs of a home country that the page shows."""

PAIRS = "numbers-ambiguous.csv"

_MAKER = "sentinel_batch.numbers.documentation"
_COLUMNS = ("home_code", "home_regions", "foreign_code", "foreign_regions", "numbers", "example", "read_as")


def render_page(page: str) -> str:
    """Return a page with its generated parts made anew; all other text stays.

    Raises
    ------
    UsageError
        If a mark is missing.
    """
    parts = {"kinds": _list(KINDS, "number_type"), "readings": _list(READINGS, "reading"), "pairs": render_pairs()}
    return replace_parts(page, parts, _MAKER)


def render_pairs() -> str:
    """Return the Markdown table of the largest pairs of each home country."""
    rows = []
    for code, overlaps in _overlaps().items():
        if overlaps:
            largest = "; ".join(_show(overlap) for overlap in overlaps[:SHOWN])
            total = sum(overlap.numbers for overlap in overlaps)
            rows.append(f"| +{code} {_name(code)} | {len(overlaps)} | {_round(total)} | {largest} |")
    head = ["| home | country codes | numbers | largest, with an example |", "|---|---:|---:|---|"]
    return "\n".join([*head, *rows])


def render_csv() -> str:
    """Return every pair as CSV: one line for each home and foreign country code."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for code, overlaps in _overlaps().items():
        for pair in overlaps:
            names = [" ".join(_regions()[code]), pair.foreign, " ".join(_regions().get(pair.foreign, ["001"]))]
            writer.writerow([code, *names, pair.numbers, pair.example, pair.home_reading])
    return text.getvalue()


@cache
def _regions() -> dict[str, list[str]]:
    regions: dict[str, list[str]] = {}
    for region in list_regions():
        regions.setdefault(code_of_region(region), []).append(region)
    return dict(sorted(regions.items()))


@cache
def _overlaps() -> dict[str, list[Overlap]]:
    return {code: find_overlaps(regions[0]) for code, regions in _regions().items()}


def _name(code: str) -> str:
    regions = _regions().get(code)
    if regions is None:
        return "no country"
    return " ".join(regions) if len(regions) <= SHOWN else f"{' '.join(regions[:SHOWN])} …"


def _show(overlap: Overlap) -> str:
    return f"+{overlap.foreign} {_name(overlap.foreign)} {_round(overlap.numbers)}, `{overlap.example}`"


def _round(count: int) -> str:
    """Return a count with two significant digits."""
    for size, unit in ((10**9, " billion"), (10**6, " million"), (10**3, " thousand")):
        if count >= size:
            return f"{count / size:.2g}{unit}" if count < 100 * size else f"{count // size:,}{unit}"
    return str(count)


def _list(words: dict[str, str], title: str) -> str:
    return "\n".join([f"| `{title}` | meaning |", "|---|---|", *_rows(words.items())])


def _rows(pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (f"| `{name}` | {meaning} |" for name, meaning in pairs)


def main(arguments: list[str]) -> None:
    """Make the generated parts of the one page that the arguments name, and the list beside it.

    Raises
    ------
    UsageError
        If they name none, or several.
    """
    page = take_place(arguments, _MAKER, "docs/numbers.md")
    page.write_text(render_page(page.read_text(encoding="utf-8")), encoding="utf-8")
    page.with_name(PAIRS).write_text(render_csv(), encoding="utf-8")
    print(page, page.with_name(PAIRS))


if __name__ == "__main__":
    main(sys.argv[1:])
