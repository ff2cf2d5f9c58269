"""Tables of docs/simulation.md: ``python -m sentinel_batch.simulation.population.documentation`` prints them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .kinds import KINDS, Kind
from .outcomes import MIXTURES
from .strategies import STRATEGIES, Strategy


def render_tables() -> str:
    """Return the tables of hard negatives, strategies and durations as Markdown."""
    return "\n".join([render_kinds(), render_strategies(), render_mixtures()])


def render_kinds() -> str:
    """Return the table of hard negatives."""
    heads = (
        "kind", "per million", "calls a day", "received", "new callees", "talk", "back: missed / taken", "what is hard",
    )  # fmt: skip
    return _table(heads, (_describe_kind(name, kind) for name, kind in KINDS.items()))


def render_strategies() -> str:
    """Return the table of strategies."""
    heads = (
        "strategy", "calls a day", "hours", "rests", "talk", "pause", "back: missed / taken", "antennas",
        "own / friends", "IMEI", "life",
    )  # fmt: skip
    return _table(heads, (_describe_strategy(name, strategy) for name, strategy in STRATEGIES.items()))


def render_mixtures() -> str:
    """Return the table of durations."""
    rows = []
    for name, mixture in MIXTURES.items():
        parts = zip(mixture.weights, mixture.medians, mixture.deviations, strict=True)
        parts_text = " + ".join(f"{weight:.0%} of {middle:g} s (σ {width:g})" for weight, middle, width in parts)
        parts = zip(mixture.weights, mixture.medians, mixture.deviations, strict=True)
        mean = sum(weight * middle * math.exp(width**2 / 2) for weight, middle, width in parts)
        rows.append((f"`{name}`", parts_text, f"{mean:.0f} s"))
    return _table(("mixture", "log-normal parts: share, median", "mean"), rows)


def _describe_kind(name: str, kind: Kind) -> Sequence[str]:
    return (
        f"`{name}`",
        f"{kind.share * 1e6:,.0f}",
        f"{kind.calls:g}",
        f"{kind.incoming:g}",
        f"{kind.stranger:.0%}",
        f"`{kind.durations}`",
        f"{kind.callback_missed:.0%} / {kind.callback_answered:.1%}",
        kind.reason,
    )


def _describe_strategy(name: str, strategy: Strategy) -> Sequence[str]:
    shift, life = strategy.shift_hours, strategy.life_days
    return (
        f"`{name}`",
        f"{strategy.volume[0]:g}-{strategy.volume[1]:g}",
        f"shifts of {shift[0]:g}-{shift[1]:g} h" if shift else f"`{strategy.rhythm}`",
        f"{strategy.rest:.0%}",
        f"`{strategy.durations}`",
        f"{strategy.pause_seconds:g} s",
        f"{strategy.callback_missed:.1%} / {strategy.callback_answered:.1%}",
        f"{strategy.antennas[0]}-{strategy.antennas[1]}" if strategy.antennas[1] > 1 else "1",
        f"{strategy.own_share:.0%} / {strategy.favourite_share:.0%}",
        f"`{strategy.handsets}`",
        f"{life[0]}-{life[1]} days" if life else "stays",
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


if __name__ == "__main__":
    print(render_tables(), end="")
