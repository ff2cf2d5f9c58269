"""Detection rules: one rule is three small files with one id; loading, linting, running and documenting them."""

from sentinel_batch.rules.catalogue import Catalogue, FailedRule, get_rule, list_rules, load_rule, read_catalogue
from sentinel_batch.rules.engine import detect, examine, examine_rules
from sentinel_batch.rules.execution import Detection
from sentinel_batch.rules.linter import lint_rule
from sentinel_batch.rules.parameters import Parameter
from sentinel_batch.rules.rule import Rule

__all__ = [
    "Catalogue",
    "Detection",
    "FailedRule",
    "Parameter",
    "Rule",
    "detect",
    "examine",
    "examine_rules",
    "get_rule",
    "lint_rule",
    "list_rules",
    "load_rule",
    "read_catalogue",
]
