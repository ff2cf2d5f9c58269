"""The figures of the bench of variants as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sentinel_batch.evaluation.report import show_hours, show_interval, show_name, show_percent, tabulate

Rows = Sequence[Mapping[str, Any]]
Show = Callable[[Mapping[str, Any]], str]


def render_variants(figures: Mapping[str, Any]) -> str:
    """Return the figures that :func:`sentinel_batch.evaluation.bench_variants` returned as a Markdown page.

    Shares are per cent, with 95 % intervals in brackets.
    """
    plan, rows = figures["plan"], figures["variants"]
    seeds = ", ".join(map(str, plan["seeds"]))
    model = f"model {figures['model']}" if figures["model"] else "no model"
    parts = [
        "# Detection bench, by variant",
        f"Networks of {plan['subscribers']:,} subscribers, {plan['days']} nights, seeds {seeds}, {plan['boxes']} boxes "
        f"of each strategy; {model}. Everything is simulated.",
        "## Queue and alerts",
        render_summary(rows),
        *[
            part
            for design in plan["designs"]
            for part in (
                f"## SIMs found, by strategy: {design}",
                _render_strategies(_of(rows, design), lambda own: show_percent(own["recall"])),
                f"## Boxes that are one case, by strategy: {design}",
                _render_strategies(_of(rows, design), lambda own: f"{own['whole']} of {own['large']}"),
                f"## Median delay in hours, by strategy: {design}",
                _render_strategies(_of(rows, design), lambda own: show_hours(own["delay"])),
            )
        ],
    ]
    return "\n\n".join(parts) + "\n"


def render_summary(rows: Rows) -> str:
    """Return a row for each design, variant and method."""
    heads = [
        "Design", "Variant", "Ranked by", "SIMs", "Precision@k", "Least strategy", "Boxes in one case",
        "Alerts a day per million", "On honest numbers", "CRITICAL, true",
    ]  # fmt: skip
    return tabulate(heads, [_summarise(row) for row in rows])


def _summarise(row: Mapping[str, Any]) -> list[object]:
    strategies = row["strategies"]
    least = min(strategies, key=lambda name: (strategies[name]["recall"], name))
    whole, large = (sum(own[name] for own in strategies.values()) for name in ("whole", "large"))
    return [
        show_name(row["design"]), show_name(row["variant"]), row["method"], row["sims"],
        show_interval(row["precision_at_k"], row["interval"]),
        f"{show_percent(strategies[least]['recall'])} {show_name(least)}", f"{whole} of {large}",
        f"{row['alerts_per_million']:,.0f}", f"{row['honest_per_million']:,.0f}",
        f"{row['critical']}, {show_percent(row['critical_true'])}",
    ]  # fmt: skip


def _of(rows: Rows, design: str) -> Rows:
    return [row for row in rows if row["design"] == design]


def _render_strategies(rows: Rows, show: Show) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row["strategies"]))
    return tabulate(["Variant", "Ranked by", *map(show_name, names)], list(_spread(rows, names, show)))


def _spread(rows: Rows, names: Sequence[str], show: Show) -> Iterable[Sequence[object]]:
    for row in rows:
        cells = [show(row["strategies"][name]) if name in row["strategies"] else "" for name in names]
        yield [show_name(row["variant"]), row["method"], *cells]
