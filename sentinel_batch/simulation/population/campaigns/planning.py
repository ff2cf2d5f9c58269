"""Which campaigns a population sees, and all their calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..calls import Calls, join_calls, no_calls
from ..plan import Plan, Purpose
from ..rhythms import DAY_SECONDS
from ..roster import Directory
from .premium import plan_irsf, plan_pbx_hacking, plan_wangiri
from .scheme import Scheme, Stage
from .spoofing import plan_call_masking, plan_cli_spoofing, plan_sequential_dialling
from .subscriptions import plan_cloned_sim, plan_short_duration, plan_sim_takeover

_SUBSCRIBERS_EACH = 250_000

CAMPAIGNS: MappingProxyType[str, Callable[[Stage, np.random.Generator], Scheme]] = MappingProxyType(
    {
        "wangiri": plan_wangiri,
        "irsf": plan_irsf,
        "pbx_hacking": plan_pbx_hacking,
        "cli_spoofing": plan_cli_spoofing,
        "short_duration": plan_short_duration,
        "sequential_dialling": plan_sequential_dialling,
        "call_masking": plan_call_masking,
        "sim_takeover": plan_sim_takeover,
        "cloned_sim": plan_cloned_sim,
    }
)
"""How each kind of campaign is planned."""


@dataclass(frozen=True)
class Campaigns:
    """Calls of all campaigns, their seconds counted from the first midnight."""

    everything: Calls

    def calls(self, day: int) -> Calls:
        """Return the calls of a day."""
        calls = self.everything
        chosen = calls.take(calls.second // DAY_SECONDS == day)
        return Calls(
            chosen.second - np.int32(day * DAY_SECONDS), chosen.caller, chosen.callee, chosen.duration, chosen.cause,
            chosen.cell, chosen.handset,
        )  # fmt: skip


def plan_campaigns(stage: Stage) -> list[Scheme]:
    """Plan all campaigns: one of each kind per 250,000 subscribers, at least one."""
    if not stage.plan.campaigns:
        return []
    turns = max(1, round(stage.plan.subscribers / _SUBSCRIBERS_EACH))
    return [
        planned(stage, stage.plan.rng(Purpose.CAMPAIGNS, kind, turn))
        for kind, planned in enumerate(CAMPAIGNS.values())
        for turn in range(turns)
    ]


def carry_out(plan: Plan, schemes: list[Scheme], directory: Directory) -> Campaigns:
    """Return the calls of all campaigns."""
    parts = [
        scheme.carry_out(plan.rng(Purpose.CAMPAIGN_CALLS, index), directory) for index, scheme in enumerate(schemes)
    ]
    return Campaigns(join_calls([no_calls(), *parts]))
