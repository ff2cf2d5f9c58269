"""The agents: numbers, places, handsets, friends, and the groups that trades and boxes form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from sentinel_batch.simulation.population.handsets import check_digit

from .plan import AgentPlan, Purpose
from .roles import STRATEGIES, SUBSCRIBER, TRADES, Habit

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMMUNITY = 120
"""Subscribers of a community: most friends are of one's own."""

_SUBSCRIBERS_PER_CELL = 150
_COMMUTE = 6
_WITHIN_COMMUNITY = 0.75
_HOUSEHOLDS = 0.2
_MODELS = 400
_STARTED_BEFORE = 0.5
_BOUGHT_TOGETHER = 0.5
_BLOCK = 400


@dataclass(frozen=True)
class Band:
    """Agents in a row that are of one kind: positions from ``first`` to before ``end``."""

    first: int
    end: int
    habit: Habit
    kind: str | None = None
    strategy: str | None = None
    box_id: str | None = None

    def __len__(self) -> int:
        """Return the number of agents."""
        return self.end - self.first


@dataclass(frozen=True)
class Society:
    """Everybody, by position.

    Parameters
    ----------
    plan
        Parameters.
    bands
        Who is of which kind; subscribers first.
    numbers
        Digits without plus.
    home, work, haunt
        Cells; of a box's SIMs its gateways.
    rate
        Mean calls a day.
    imei
        Of the handset or slot.
    first_day
        From when on they call; 0 for most.
    starts, contacts
        Contacts of position i are ``contacts[starts[i]:starts[i + 1]]``, the dearest first.
    households
        Subscribers with relatives abroad, those called most first.
    width
        Cells stand in a square of so many by so many, numbered by row.
    """

    plan: AgentPlan
    bands: tuple[Band, ...]
    numbers: NDArray[Any]
    home: NDArray[Any]
    work: NDArray[Any]
    haunt: NDArray[Any]
    rate: NDArray[Any]
    imei: NDArray[Any]
    first_day: NDArray[Any]
    starts: NDArray[Any]
    contacts: NDArray[Any]
    households: NDArray[Any]
    width: int

    def __len__(self) -> int:
        """Return the number of agents."""
        return len(self.numbers)


def found_society(plan: AgentPlan) -> Society:
    """Draw everybody.

    Parameters
    ----------
    plan
        The parameters.
    """
    bands = tuple(_list_bands(plan))
    size, width = bands[-1].end, math.ceil(math.sqrt(max(30, plan.subscribers // _SUBSCRIBERS_PER_CELL)))
    rng = plan.rng(Purpose.HABITS)
    rate, first_day = np.empty(size), np.zeros(size, dtype=np.int64)
    for band in bands:
        low, high = band.habit.calls
        rate[band.first : band.end] = low * (high / low) ** rng.random(len(band))
        if band.strategy is not None and rng.random() > _STARTED_BEFORE:
            first_day[band.first : band.end] = rng.integers(max(1, plan.days // 2))
    starts, contacts = _befriend(plan, bands, size)
    home, work, haunt = _settle(plan, bands, size, width)
    households = plan.rng(Purpose.FRIENDS, 1).permutation(plan.subscribers)[: round(_HOUSEHOLDS * plan.subscribers)]
    return Society(
        plan, bands, _number(plan, bands, size), home, work, haunt, rate, _equip(plan, bands, size), first_day, starts,
        contacts, households, width,
    )  # fmt: skip


def _list_bands(plan: AgentPlan) -> list[Band]:
    bands = [Band(0, plan.subscribers, SUBSCRIBER)]
    for kind, trade in TRADES.items():
        for _ in range(max(2, round(plan.subscribers * trade.share / trade.group))):
            first = bands[-1].end
            bands.append(Band(first, first + trade.group, trade.habit, kind))
    rng = plan.rng(Purpose.BOXES)
    for place in range(plan.boxes):
        for name, strategy in STRATEGIES.items():
            first = bands[-1].end
            sims = int(rng.integers(strategy.sims[0], strategy.sims[1] + 1))
            bands.append(Band(first, first + sims, strategy.habit, "simbox", name, f"{name}-{place + 1}"))
    return bands


def _number(plan: AgentPlan, bands: tuple[Band, ...], size: int) -> NDArray[Any]:
    """Give out numbers at random; SIMs of half the boxes, and lines of a trade, are bought together."""
    rng, numbering = plan.rng(Purpose.NUMBERS), plan.numbering
    span = 10**numbering.digits
    spaced = rng.choice(len(numbering.prefixes) * span // 4, size, replace=False) * 4
    places = spaced.astype(np.int64)
    blocks = rng.choice(len(numbering.prefixes) * span // _BLOCK, len(bands), replace=False).astype(np.int64)
    for band, block in zip(bands[1:], blocks, strict=False):
        if len(band) > 2 and rng.random() < _BOUGHT_TOGETHER:
            # Multiples of 4 are other agents' numbers; what lies between them is free.
            places[band.first : band.end] = block * _BLOCK + 4 * np.arange(len(band)) + 1
    prefixes = np.array([int(numbering.code + prefix) for prefix in numbering.prefixes], dtype=np.int64)
    numbers: NDArray[Any] = prefixes[places // span] * span + places % span
    return numbers


def _settle(
    plan: AgentPlan, bands: tuple[Band, ...], size: int, width: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    rng = plan.rng(Purpose.PLACES)
    communities = np.arange(size) // COMMUNITY
    base = rng.integers(width * width, size=communities.max() + 1)[communities]
    home = move(base, rng.integers(-1, 2, (2, size)), width)
    work, haunt = (move(home, rng.integers(-_COMMUTE, _COMMUTE + 1, (2, size)), width) for _ in range(2))
    for band in bands[1:]:
        part = slice(band.first, band.end)
        home[part] = rng.integers(width * width)
        if band.habit.movement in ("static", "gateways"):
            work[part], haunt[part] = rng.integers(width * width), rng.integers(width * width)
        else:
            steps = rng.integers(-_COMMUTE, _COMMUTE + 1, (2, 2, len(band)))
            work[part], haunt[part] = (move(home[part], step, width) for step in steps)
    return home, work, haunt


def move(cell: NDArray[Any], steps: NDArray[Any], width: int) -> NDArray[Any]:
    """Return the cells so many rows and columns away, or at the edge of the square."""
    row, column = (np.clip(at + step, 0, width - 1) for at, step in zip(divmod(cell, width), steps, strict=True))
    moved: NDArray[Any] = row * width + column
    return moved


def _equip(plan: AgentPlan, bands: tuple[Band, ...], size: int) -> NDArray[Any]:
    rng = plan.rng(Purpose.PLACES, 1)
    tacs = rng.choice(np.arange(35_000_000, 35_999_999), _MODELS, replace=False)
    model = np.minimum((_MODELS * rng.random(size) ** 2).astype(np.int64), _MODELS - 1)
    serial = rng.permutation(1_000_000 if size <= 1_000_000 else size)[:size] % 1_000_000
    for band in bands:
        if band.strategy is not None:
            model[band.first : band.end] = rng.integers(_MODELS)
            if STRATEGIES[band.strategy].working < 1:  # SIMs that take turns share the slots.
                slots = round(len(band) * STRATEGIES[band.strategy].working)
                serial[band.first : band.end] = serial[band.first : band.first + slots][np.arange(len(band)) % slots]
    body = tacs[model] * 1_000_000 + serial
    imei: NDArray[Any] = body * 10 + check_digit(body)
    return imei


def _befriend(plan: AgentPlan, bands: tuple[Band, ...], size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Draw friendships, most of them within a community, and mutual but for those of machines."""
    rng = plan.rng(Purpose.FRIENDS)
    mean, mutual = np.zeros(size), np.ones(size, dtype=np.bool_)
    for band in bands:
        mean[band.first : band.end] = band.habit.contacts
        mutual[band.first : band.end] = band.habit.answered_back > 0
    wanted = np.maximum(np.where(mean > 0, 1, 0), np.round(mean * np.exp(0.4 * rng.standard_normal(size)))).astype(int)
    wanted[: plan.subscribers] //= 2  # The other half are those whose contact one is.
    source = np.repeat(np.arange(size), wanted)
    near = (source // COMMUNITY * COMMUNITY + rng.integers(COMMUNITY, size=len(source))) % plan.subscribers
    local = (rng.random(len(source)) < _WITHIN_COMMUNITY) & (source < plan.subscribers)
    target = np.where(local, near, rng.integers(plan.subscribers, size=len(source)))
    for band in bands[1:]:
        if len(band) > 1 and band.habit.contacts:  # Lines of one group have one list.
            shared = rng.integers(plan.subscribers, size=max(1, int(band.habit.contacts)))
            rows = (source >= band.first) & (source < band.end)
            target[rows] = rng.choice(shared, int(rows.sum()))
    back = mutual[source]
    pairs = pl.DataFrame(
        {"source": np.concatenate([source, target[back]]), "target": np.concatenate([target, source[back]])}
    ).filter(pl.col("source") != pl.col("target"))
    pairs = pairs.unique(maintain_order=True)
    shuffled = pairs.with_columns(draw=pl.Series(rng.random(pairs.height))).sort("source", "draw")
    counts = np.bincount(shuffled["source"].to_numpy(), minlength=size)
    return np.concatenate([[0], np.cumsum(counts)]), shuffled["target"].to_numpy()
