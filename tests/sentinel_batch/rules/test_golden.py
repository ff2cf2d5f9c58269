"""Rules taken apart into steps say what they said in one piece: each named part to the letter, but for those listed.

``fixtures/golden_steps.json`` holds the hash of every part of the SQL as it was, ``(findings)`` being the final SELECT.
Names that the steps have in common are put back first (:func:`rename`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from sentinel_batch.rules import get_rule

GOLDEN: dict[str, dict[str, dict[str, str]]] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "golden_steps.json").read_text(encoding="utf-8")
)

ON_DAYS = ("BEHAVIOUR_SHIFT", "NIGHT_SHIFT", "SIMBOX_IMEI", "SIMBOX_NORECIP", "SIMBOX_RATIO", "SIMBOX_STATIC")
ON_STATES = ("ASR_ACD", "SDHF_001", "SHORT_DURATION")
ON_CALLEES = ("CALL_MASK",)

FRAME = "every rule ends with the same frame: windows qualify with severity and confidence, and carry common names"
SWEEP = "the sweep is one step, with the same names inside; it begins with calls as they are"
PRUNE = "prunes with a common step: tiles, tile_pairs, window_bounds, day_pairs"
STRETCH = "days and the figures of a stretch of days come from stretches and stretch_figures"
LISTED = "looks numbers and codes up with longest_prefix, longest_pattern, unplanned_numbers"
WHOLE = "reads whole rows instead of named columns, filters with IN instead of a join, or joins with USING"
MOVED = "moved into a step of its own: bursts, moves, movers, device_uses"
ENDS = "a local day that begins at the end of the period is not read: versions 1.1"
FOLDED = "folded into the part that reads it"
EVADED = "a copied IMEI is told from a bank by the lives of its numbers: version 2.0"

CHANGED: dict[str, dict[str, str]] = {
    "ASR_ACD": {
        PRUNE: "busy_callers busy_tiles day_pairs possible_callers weak_callers wide_tiles",
        SWEEP: "calls",
        FRAME: "(findings) evidence first_calls numbered qualifying ranked",
    },
    "BEHAVIOUR_SHIFT": {STRETCH: "scored_days windows", FRAME: "(findings) numbered qualifying"},
    "CALL_MASK": {
        SWEEP: "calls changes instants states",
        FRAME: "(findings) evidence joined numbered qualifying ranked",
        WHOLE: "busy_lines placed_calls quiet_tiles waves",
        FOLDED: "in_episode possible_callees",
    },
    "CLI_INVALID": {
        LISTED: "bad_numbers bad_shapes calls_from_abroad fitting home_sizes judged_shapes longest shapes sizes trunks "
        "trunks_from_abroad",
        SWEEP: "calls changes instants states",
        FRAME: "(findings) evidence first_calls in_window numbered qualifying ranked",
        WHOLE: "reasons",
        FOLDED: "domestic_calls",
    },
    "GEO_001": {
        LISTED: "callees home_numbers home_sizes sizes watched_numbers",
        SWEEP: "changes instants states",
        FRAME: "(findings) all_in_window by_place by_prefix evidence first_calls in_window numbered qualifying ranked",
        WHOLE: "busy_calls watched_calls",
        FOLDED: "busy_numbers",
    },
    "GEO_IMPOSSIBLE": {
        LISTED: "codes entries places ranked_entries sizes",
        MOVED: "days far_days jumps measured steps",
        SWEEP: "changes instants states",
        FRAME: "(findings) evidence first_jumps numbered qualifying ranked window_calls window_jumps",
        WHOLE: "located_calls",
    },
    "IRSF": {
        LISTED: "callees listed_numbers sizes",
        FRAME: "(findings) earlier_calls joined nightly numbered qualifying ranked suspects",
        WHOLE: "international_calls",
        FOLDED: "international_callers",
    },
    "NIGHT_SHIFT": {STRETCH: "night_days night_numbers windows", FRAME: "(findings) numbered qualifying"},
    "SDHF_001": {
        PRUNE: "busy_callers busy_tiles possible_callers possible_windows short_calls",
        SWEEP: "caller_stats calls changes",
        FRAME: "(findings) evidence first_calls numbered qualifying ranked",
    },
    "SEQ_DIAL": {
        PRUNE: "busy_numbers day_pairs",
        WHOLE: "busy_calls calls reached runs steps visits",
        FRAME: "(findings) joined numbered qualifying ranked run_starts",
    },
    "SHORT_DURATION": {
        PRUNE: "possible_callers",
        SWEEP: "calls",
        FRAME: "(findings) evidence first_calls numbered qualifying ranked",
    },
    "SIMBOX_IMEI": {
        MOVED: "used_imeis uses",
        STRETCH: "active_days windows",
        WHOLE: "counted number_sizes own_devices possible_uses suspects",
        FOLDED: "changing_numbers possible_devices shared_devices",
        EVADED: "device_sizes",
        FRAME: "(findings) numbered qualifying",
    },
    "SIMBOX_NORECIP": {
        STRETCH: "windows",
        WHOLE: "days possible_days",
        FOLDED: "possible_numbers",
        ENDS: "two_way_days",
        FRAME: "(findings) numbered qualifying",
    },
    "SIMBOX_RATIO": {
        ENDS: "two_way_days",
        STRETCH: "busy_numbers windows",
        WHOLE: "busy_days",
        FRAME: "(findings) numbered qualifying",
    },
    "SIMBOX_STATIC": {
        STRETCH: "counted days static_days windows",
        FOLDED: "seen_cells static_numbers window_cells",
        FRAME: "(findings) numbered qualifying",
    },
    "WANGIRI_BURST": {
        MOVED: "busy_calls busy_numbers busy_tiles calls day_pairs possible_callers",
        SWEEP: "changes instants states",
        FRAME: "(findings) episode_calls evidence numbered qualifying ranked",
    },
    "WANGIRI_CALLBACK": {
        MOVED: "bursts busy_calls busy_numbers busy_tiles calls day_pairs possible_callers qualifying",
        SWEEP: "changes instants states",
        FRAME: "(findings) counted episodes joined numbered rung separated victims",
        FOLDED: "callbacks cut_calls incoming_calls ringing_numbers",
    },
}
"""What was meant to change, by rule and reason."""


def rename(node: exp.Expression, rule: str, part: str) -> exp.Expression:
    """Put back the names that a part of a rule had before steps were shared."""
    names = rename_columns(rule, part)

    def put_back(found: exp.Expression) -> exp.Expression:
        if isinstance(found, exp.Column) and found.name in names:
            return sqlglot.parse_one(names[found.name], dialect="duckdb")
        if isinstance(found, exp.Table) and found.name == "entering":
            return exp.to_table("calls")
        return found

    return node.copy().transform(put_back)


def rename_columns(rule: str, part: str) -> Mapping[str, str]:
    suspect = "number" if rule in ON_DAYS else "callee_number" if rule in ON_CALLEES else "caller_number"
    names = {"suspect_number": suspect}
    if part not in ("joined", "numbered", "ranked"):
        return names
    if rule in ON_DAYS:
        days = {"window_end": "day_end", "lasts_until": "window_end"}
        return names | days | {"first_call_at": "first_call", "last_call_at": "last_call"}
    begins = "begins_at" if rule in ON_STATES else "ends_at"
    return names | {"window_start": f"{begins} - $window", "window_end": begins, "lasts_until": "ends_at"}


def hash_parts(sql: str, rule: str) -> dict[str, set[str]]:
    """Return the hashes of each part of a query, as it is and with its names put back."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    parts = {cte.alias: cte.this for cte in tree.ctes}
    tree.set("with_", None)
    parts["(findings)"] = tree
    return {name: {_hash(part), _hash(rename(part, rule, name))} for name, part in parts.items()}


def _hash(node: exp.Expression) -> str:
    return hashlib.sha256(node.sql("duckdb", comments=False).encode()).hexdigest()[:12]


@pytest.mark.parametrize("rule_id", GOLDEN)
def test_what_is_not_listed_is_as_it_was(rule_id: str) -> None:
    rule = get_rule(rule_id)
    assert set(rule.queries) == set(GOLDEN[rule_id])
    listed = {name for names in CHANGED[rule_id].values() for name in names.split()}
    changed = set()
    for query, before in GOLDEN[rule_id].items():
        now = hash_parts(rule.queries[query], rule_id)
        changed |= {name for name, part in before.items() if part not in now.get(name, ())}
    assert changed == listed


def test_a_changed_part_is_noticed() -> None:
    sql = get_rule("GEO_IMPOSSIBLE").queries["sliding"]
    before = GOLDEN["GEO_IMPOSSIBLE"]["sliding"]["travellers"]
    assert before in hash_parts(sql, "GEO_IMPOSSIBLE")["travellers"]
    changed = sql.replace("HAVING 111.2 * sqrt", "HAVING 111.3 * sqrt")
    assert changed != sql and before not in hash_parts(changed, "GEO_IMPOSSIBLE")["travellers"]


def test_every_rule_is_listed() -> None:
    assert set(CHANGED) == set(GOLDEN)
