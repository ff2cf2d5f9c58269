"""Command ``audio policies``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session

if TYPE_CHECKING:
    from audio_batch import Policy

_POLICY_COLUMNS = (Column("Policy"), Column("Version"), Column("Title", fold=True), Column("Context", fold=True))


@with_session
def list_policies(session: Session) -> None:
    """List the shipped routing policies."""
    from audio_batch import list_policies as list_names
    from audio_batch import load_policy

    found = [load_policy(name) for name in list_names()]
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(found), "policies": [_describe_policy(one) for one in found]})
        return
    out.table(_POLICY_COLUMNS, [(one.name, one.version, one.title, ", ".join(one.inputs)) for one in found])


def _describe_policy(policy: Policy) -> dict[str, Any]:
    facts = {name: getattr(policy, name) for name in ("name", "version", "title", "description", "currency", "sha256")}
    inputs = {name: field.description for name, field in policy.inputs.items()}
    return {**facts, "verification_required": policy.verification.required, "inputs": inputs}
