"""Everything that is a score of a number: risk of the last 24 hours, what rules say together, the queue of suspects.

``risk`` scores what a number does now by a fixed formula, for every caller, whether a rule found it or not.
``fusion`` joins what rules found about one number. ``queue`` orders suspects by all that speaks against them: rules,
a model, and the size of the case that a number belongs to.
"""

from sentinel_batch.scores.fusion import fuse_findings, weigh_rules
from sentinel_batch.scores.queue import fuse_witnesses, rank_suspects
from sentinel_batch.scores.risk import Risk, assess_event, assess_risk, rank_risks

__all__ = [
    "Risk",
    "assess_event",
    "assess_risk",
    "fuse_findings",
    "fuse_witnesses",
    "rank_risks",
    "rank_suspects",
    "weigh_rules",
]
