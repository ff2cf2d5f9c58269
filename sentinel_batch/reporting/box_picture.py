"""A box as a picture: a strip for each SIM, its cells in colour, and the network of what ties them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.reporting.network import draw_network, link_words
from sentinel_batch.reporting.text import visible

if TYPE_CHECKING:
    from sentinel_batch.boxes import BoxFile

STRIPS_DRAWN = 24
"""SIMs that have a strip, those with the most evidence."""

COLOURS = 7
"""Cells that have a colour of their own, those with the most calls; the others share one."""

HALF_NATS = 10.0
"""Nats at which a link is drawn half as strong as can be: its strength is ``1 - 2 ** -(nats / 10)``."""

_LEFT, _SLOTS, _ROW, _TOP = 104, 536, 14, 16
_LABELS = 7


@dataclass(frozen=True)
class BoxPicture:
    """The picture of one box; a notebook shows it.

    Parameters
    ----------
    box_id
        Whose it is.
    strips
        ``width, height``; ``rows`` (``y, number, slots``: ``x, title, parts`` of ``x, width, colour``); ``labels``
        (``x, text``) of days; ``cells`` (``colour, name``); ``left_out`` SIMs. None without traces.
    network
        As :func:`sentinel_batch.reporting.network.draw_network` gives it; None without links.
    """

    box_id: int
    strips: dict[str, Any] | None
    network: dict[str, Any] | None

    def to_html(self) -> str:
        """Return the picture as a piece of HTML that stands alone."""
        from jinja2 import Environment, PackageLoader, StrictUndefined

        environment = Environment(
            loader=PackageLoader("sentinel_batch.reporting"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        environment.filters["visible"] = visible
        page = environment.from_string('{% from "pictures.html.j2" import box_picture %}{{ box_picture(picture) }}')
        return f"<style>{read_styles()}</style><div>{page.render(picture=self)}</div>"

    def _repr_html_(self) -> str:
        return self.to_html()


def chart_box(found: BoxFile) -> BoxPicture:
    """Draw a box: members over time, a strip for each SIM with its cells in colour, and the network of its evidence.

    Parameters
    ----------
    found
        The box, from :func:`sentinel_batch.boxes.get_box`.
    """
    return BoxPicture(found.box["box_id"], _draw_strips(found), _draw_ties(found))


def read_styles() -> str:
    """Return the style sheet of pictures; its colours are those of the page, if it has any."""
    return files("sentinel_batch.reporting").joinpath("templates/pictures.css").read_text(encoding="utf-8")


def _draw_ties(found: BoxFile) -> dict[str, Any] | None:
    pairs = (
        found.links.group_by("number_a", "number_b")
        .agg(pl.col("evidence").sum())
        .filter(pl.col("evidence") > 0)
        .select("number_a", "number_b", strength=1 - 0.5 ** (pl.col("evidence") / HALF_NATS))
    )
    words = found.links.filter(pl.col("evidence") > 0).select("number_a", "number_b", "words")
    return draw_network(found.members.with_columns(severity=pl.lit(None)), pairs, link_words(words))


def _draw_strips(found: BoxFile) -> dict[str, Any] | None:
    if found.days.is_empty():
        return None
    dates = found.days.select(pl.date_range(pl.min("local_date"), pl.max("local_date"))).to_series().to_list()
    cells, width = _busiest_cells(found.days), _SLOTS / len(dates)
    by_day: dict[tuple[str, date], list[tuple[str | None, int]]] = {}
    for number, day, cell, calls in found.days.select("number", "local_date", "cell", "calls").iter_rows():
        by_day.setdefault((number, day), []).append((cell, calls))
    rows = [
        {
            "y": _TOP + place * _ROW,
            "number": number,
            "slots": [
                {
                    "title": _tell_slot(number, day, by_day[number, day]),
                    "parts": _draw_slot(by_day[number, day], _LEFT + nth * width, width, cells),
                }
                for nth, day in enumerate(dates)
                if (number, day) in by_day
            ],
        }
        for place, number in enumerate(_order_members(found))
    ]
    step = -(-len(dates) // _LABELS)
    labels = [
        {"x": round(_LEFT + (nth + 0.5) * width, 1), "text": f"{day:%d %b}"}
        for nth, day in enumerate(dates)
        if nth % step == 0
    ]
    return {
        "width": _LEFT + _SLOTS, "height": _TOP + len(rows) * _ROW + 2, "bar": _ROW - 3, "rows": rows,
        "labels": labels, "cells": _name_colours(found.days, cells), "left_out": found.members.height - len(rows),
    }  # fmt: skip


def _order_members(found: BoxFile) -> list[str]:
    """Return the SIMs that are drawn in the order in which they began, so that a rotating bank shows as a stair."""
    begun = found.days.group_by("number").agg(pl.col("local_date").min())
    known = found.members.select("number").join(begun, on="number", how="left", maintain_order="left")
    # SIMs that did nothing in these days have a strip only if there is room.
    shown = known.sort(pl.col("local_date").is_null(), maintain_order=True).head(STRIPS_DRAWN)
    return shown.sort("local_date", "number", nulls_last=True)["number"].to_list()


def _name_colours(days: pl.DataFrame, cells: dict[str, int]) -> list[dict[str, str]]:
    names = [{"colour": f"c{nth}", "name": name} for name, nth in cells.items()]
    if days["cell"].drop_nulls().n_unique() > len(cells):
        names.append({"colour": "other", "name": "other cells"})
    if days["cell"].has_nulls():
        names.append({"colour": "none", "name": "cell unknown"})
    return names


def _busiest_cells(days: pl.DataFrame) -> dict[str, int]:
    calls = days.drop_nulls("cell").group_by("cell").agg(pl.col("calls").sum())
    most = calls.sort("calls", "cell", descending=[True, False]).head(COLOURS)
    return {cell: nth for nth, cell in enumerate(most["cell"].to_list())}


def _draw_slot(
    day: list[tuple[str | None, int]], x: float, width: float, cells: dict[str, int]
) -> list[dict[str, Any]]:
    """Return one day of a SIM: parts as wide as the cells' shares of its calls, in the order of the colours."""
    calls: dict[str, int] = {}
    for cell, made in day:
        colour = "none" if cell is None else f"c{cells[cell]}" if cell in cells else "other"
        calls[colour] = calls.get(colour, 0) + made
    total, parts, at = sum(calls.values()), [], x + 0.5
    for colour in sorted(calls):
        share = (width - 1) * calls[colour] / total
        parts.append({"x": round(at, 1), "width": round(share, 1), "colour": colour})
        at += share
    return parts


def _tell_slot(number: str, day: date, cells: list[tuple[str | None, int]]) -> str:
    said = ", ".join(f"{cell or 'cell unknown'} {made:,}" for cell, made in cells)
    return f"{number}, {day}: {sum(made for _, made in cells):,} calls ({said})"
