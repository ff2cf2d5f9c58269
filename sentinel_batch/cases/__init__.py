"""Cases: suspects that belong together, why, what they cost, and what became of them."""

from sentinel_batch.cases.building import CaseChanges, build_cases
from sentinel_batch.cases.handling import assign_case, close_case, mark_case
from sentinel_batch.cases.links import link_suspects
from sentinel_batch.cases.queries import CaseFile, get_case, list_cases

__all__ = [
    "CaseChanges",
    "CaseFile",
    "assign_case",
    "build_cases",
    "close_case",
    "get_case",
    "link_suspects",
    "list_cases",
    "mark_case",
]
