"""What to do about an alert, as the rule that raised it says."""

from __future__ import annotations

from collections.abc import Iterable

from sentinel_batch.desk import ConfigLike
from sentinel_batch.errors import SentinelError
from sentinel_batch.rules import read_catalogue


def read_guidance(rules: Iterable[str], config: ConfigLike = None) -> list[dict[str, str]]:
    """Return ``rule``, ``name`` and ``remediation`` of rules, by id; without those that cannot be read now.

    Parameters
    ----------
    rules
        Ids, as alerts have them; the rule of an old alert may be gone.
    config
        Settings, or their file; None looks for them as the command line does.
    """
    wanted = set(rules)
    try:
        known = read_catalogue(config).rules if wanted else ()
    except SentinelError:  # Whoever reads an alert is not to be kept from it by a folder that is missing.
        return []
    return [
        {"rule": rule.id, "name": rule.name, "remediation": " ".join(rule.remediation.split())}
        for rule in known
        if rule.id in wanted
    ]
