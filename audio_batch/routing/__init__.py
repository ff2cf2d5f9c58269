"""What to do about a call: from the verdict, the verification and the context, by a policy that is data.

The composite risk is the voice risk (the verdict's score) times one factor for every circumstance of the policy that
holds, and at most 1. The action is the most severe of all the rules that fired. A circumstance whose input is missing,
or cannot be read, counts as if it held: leaving context away never lowers the risk.
"""

from audio_batch.routing.audit import append_audit
from audio_batch.routing.decision import ACTIONS, EXIT_CODES, Action, AppliedFactor, Decision, FiredRule
from audio_batch.routing.evaluation import route
from audio_batch.routing.policy import Policy
from audio_batch.routing.policy_files import list_policies, load_policy

__all__ = [
    "ACTIONS",
    "EXIT_CODES",
    "Action",
    "AppliedFactor",
    "Decision",
    "FiredRule",
    "Policy",
    "append_audit",
    "list_policies",
    "load_policy",
    "route",
]
