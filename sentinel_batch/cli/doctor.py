"""Command ``doctor``."""

from __future__ import annotations

from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

_MARKS = {"ok": "✓ ok", "warning": "! warning", "error": "✗ error"}


@with_session
def doctor(session: Session) -> ExitCode:
    """Check versions, configuration, lake, disk and last runs.

    Exits with 1 if something is broken; warnings do not count.
    """
    from sentinel_batch.maintenance import diagnose

    diagnosis = diagnose(lake=session.desk())
    out = session.output
    if out.as_json:
        out.document(diagnosis.to_dict())
    else:
        columns = (Column("State"), Column("Check"), Column("Finding", fold=True))
        out.table(columns, [(_MARKS[c.status], c.name, c.message) for c in diagnosis.checks])
        for check in diagnosis.checks:
            if check.hint and check.status != "ok":
                out.note(f"{check.name}: {check.hint}")
    return diagnosis.exit_code
