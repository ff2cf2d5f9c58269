"""What the Tab key offers: ids of alerts, cases and boxes, names of rules, dialects, models and policies.

Subscribers' numbers are never offered: they would stand on the screen, and in the histories of shells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from sentinel_batch.config import Config
    from sentinel_batch.desk import Desk

Offer = tuple[str, str]
"""A word, and what it is."""
Completer = Callable[[typer.Context, str], list[Offer]]

MOST = 200
"""Words that are offered at once."""


def _offering(read: Callable[[typer.Context], Iterable[Offer]]) -> Completer:
    """Return a completer; where nothing can be read it offers nothing, since no one can read an error there."""

    def complete(context: typer.Context, incomplete: str) -> list[Offer]:
        try:
            found = [offer for offer in read(context) if offer[0].startswith(incomplete)]
        except Exception:
            return []
        return found[:MOST]

    return complete


def _configure(context: typer.Context) -> Config:
    from sentinel_batch.config import load_config

    return load_config(_find(context, "config_file")).override(typed=True, lake=_find(context, "lake"))


def _open(context: typer.Context) -> Desk:
    from sentinel_batch.desk import Desk

    return Desk(_configure(context))


def _find(context: Any, name: str) -> Any:
    while context is not None:
        if context.params.get(name) is not None:
            return context.params[name]
        context = context.parent
    return None


def _alerts(context: typer.Context) -> list[Offer]:
    from sentinel_batch.alerts import list_alerts

    rows = list_alerts(lake=_open(context), limit=MOST).select("id", "alert_severity", "detection_rule", "status")
    return [(str(number), " ".join(map(str, words))) for number, *words in rows.iter_rows()]


def _cases(context: typer.Context) -> list[Offer]:
    from sentinel_batch.cases import list_cases

    rows = list_cases(lake=_open(context)).to_dicts()
    return [(str(row["case_id"]), f"{row['severity']} {row['status']}") for row in rows]


def _boxes(context: typer.Context) -> list[Offer]:
    from sentinel_batch.boxes import list_boxes

    rows = list_boxes(lake=_open(context)).to_dicts()
    return [(str(row["box_id"]), f"{row['member_count']} SIMs") for row in rows]


def _rules(context: typer.Context) -> list[Offer]:
    from sentinel_batch.rules import read_catalogue

    return [(rule.id, rule.name) for rule in read_catalogue(_configure(context)).rules]


def _dialects(context: typer.Context) -> list[Offer]:
    from sentinel_batch.ingestion import list_dialects

    return [(dialect.name, dialect.description) for dialect in list_dialects()]


def _models(context: typer.Context) -> list[Offer]:
    from sentinel_batch.learning.model import list_shipped

    return [(name, "shipped") for name in list_shipped()]


def _policies(context: typer.Context) -> list[Offer]:
    from audio_batch import list_policies

    return [(name, "routing policy") for name in list_policies()]


offer_alerts = _offering(_alerts)
offer_cases = _offering(_cases)
offer_boxes = _offering(_boxes)
offer_rules = _offering(_rules)
offer_dialects = _offering(_dialects)
offer_models = _offering(_models)
offer_policies = _offering(_policies)


def offer_words(*words: str) -> Completer:
    """Return a completer for a few fixed words."""
    return _offering(lambda context: [(word, "") for word in words])
