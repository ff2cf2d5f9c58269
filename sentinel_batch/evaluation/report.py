"""The figures of the bench as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_MEASURES = {"precision_at_k": "Precision@k", "average_precision": "PR-AUC", "recall_at_budget": "Recall at budget"}


def render_report(figures: Mapping[str, Any]) -> str:
    """Return the figures that :func:`sentinel_batch.evaluation.bench_detection` returned as a Markdown page.

    Shares are per cent, with 95 % bootstrap intervals over boxes and honest numbers in brackets.
    """
    plan = figures["plan"]
    parts = [
        "# Detection bench",
        f"{len(plan['seeds'])} populations of {plan['subscribers']:,} subscribers, {plan['days']} days, seeds "
        f"{_list(plan['seeds'])}; models from seeds {_list(plan['training_seeds'])}; {plan['boxes']} boxes of each "
        f"strategy in each population; {plan['daily_budget']:g} numbers looked at a day per million subscribers. "
        "Everything is simulated.",
        "## Queue by strategy\n\nThe model was trained on other populations and other strategies.",
        render_strategies(figures["strategies"], figures["overall"]),
        "## Queue with a model that knows all strategies",
        render_known(figures["known"]),
        "## Each rule alone, all boxes",
        render_rules(figures["rules"]),
        "## Alerts on honest numbers",
        render_false_alerts(figures["false_alerts"]),
        "## Delay",
        render_delays(figures["delays"]),
        "## Boxes and cases",
        render_boxes(figures["boxes"]),
    ]
    return "\n\n".join(parts) + "\n"


def render_strategies(strategies: Mapping[str, Any], overall: Mapping[str, Any]) -> str:
    """Return a row for each strategy and method, and the means over strategies."""
    rows = [
        [show_name(name), figures["units"], figures["fraud"], method, *_measures(figures)]
        for name, methods in strategies.items()
        for method, figures in methods.items()
    ]
    rows += [["mean", "", "", method, *_measures(figures)] for method, figures in overall.items()]
    return tabulate(["Strategy", "Boxes", "SIMs", "Ranked by", *_MEASURES.values()], rows)


def render_known(known: Mapping[str, Any]) -> str:
    """Return a row for each strategy, for all boxes and for any fraud."""
    rows = [
        [show_name(name), figures["units"], figures["fraud"], *_measures(figures)] for name, figures in known.items()
    ]
    return tabulate(["Fraud", "Boxes or campaigns", "Numbers", *_MEASURES.values()], rows)


def render_rules(rules: Mapping[str, Any]) -> str:
    """Return a row for each rule that found a number."""
    strategies = sorted({name for figures in rules.values() for name in figures["found_by_strategy"]})
    rows = [
        [name, *_measures(figures), *[show_percent(figures["found_by_strategy"].get(each)) for each in strategies]]
        for name, figures in rules.items()
        if figures["listed"]
    ]
    silent = [name for name, figures in rules.items() if not figures["listed"]]
    table = tabulate(["Rule", *_MEASURES.values(), *[show_name(name) for name in strategies]], rows)
    return table + (f"\n\nNo SIM of a box is found by {_list(silent)}." if silent else "")


def render_false_alerts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for each kind of honest number."""
    return tabulate(
        ["Kind", "Numbers", "Ever alerted", "Alerts per million subscriber-days", "Most from"],
        [
            [
                show_name(row["kind"]), f"{row['numbers']:,}", show_interval(row["share"], row["interval"]),
                f"{row['per_million']:.1f}",
                ", ".join(f"{rule} {count}" for rule, count in list(row["rules"].items())[:3]),
            ]
            for row in rows
        ],
    )  # fmt: skip


def render_delays(delays: Mapping[str, Any]) -> str:
    """Return a row for each strategy and method; hours from the first fraudulent call to the night that found it."""
    return tabulate(
        ["Strategy", "Ranked by", "SIMs", "Found", "Median, h", "90 %, h"],
        [
            [show_name(name), method, row["numbers"], row["found"], show_hours(row["median"]), show_hours(row["slow"])]
            for name, methods in delays.items()
            for method, row in methods.items()
        ],
    )


def render_boxes(boxes: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for each strategy: how many of its boxes are one case, and how whole and pure these are."""
    rows = []
    for name in dict.fromkeys(box["strategy"] for box in boxes):
        own = [box for box in boxes if box["strategy"] == name]
        grouped = [box for box in own if box["members"]]
        rows.append(
            [
                show_name(name), len(own), sum(box["one_case"] for box in own),
                show_percent(sum(box["together"] for box in own) / sum(box["sims"] for box in own)),
                show_percent(sum(box["together"] for box in grouped) / sum(box["members"] for box in grouped))
                if grouped else "",
            ]
        )  # fmt: skip
    heads = ["Strategy", "Boxes", "Are one case", "SIMs in their box's case", "Members that are of the box"]
    return tabulate(heads, rows)


def _measures(figures: Mapping[str, Any]) -> list[str]:
    intervals = figures.get("intervals", {})
    return [show_interval(figures[name], intervals.get(name)) for name in _MEASURES]


def show_interval(share: float | None, interval: Sequence[float] | None) -> str:
    """Write a share as per cent, with its interval in brackets."""
    if interval is None:
        return show_percent(share)
    digits = 0 if interval[1] >= 0.02 else 2
    low, high = (f"{max(0.0, 100 * end):.{digits}f}" for end in interval)
    return f"{show_percent(share)} ({low}-{high})"


def show_percent(share: float | None) -> str:
    """Write a share as per cent; nothing for None."""
    return "" if share is None else f"{100 * share:.1f}"


def show_hours(value: float | None) -> str:
    """Write hours; ``never`` for None."""
    return "never" if value is None else f"{value:.0f}"


def show_name(name: str) -> str:
    """Write a name as code, and words as they are."""
    return f"`{name}`" if name.isidentifier() else name


def _list(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)


def tabulate(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *["| " + " | ".join(map(str, row)) + " |" for row in rows]])
