"""Command ``dialects show``."""

from __future__ import annotations

from sentinel_batch.cli.dialects.options import (
    DayFirstOption,
    DialectOption,
    FileArgument,
    NumbersOption,
    RegionOption,
    TimezoneOption,
)
from sentinel_batch.cli.dialects.view import judge, print_proposal
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode


@with_session
def show(
    session: Session,
    file: FileArgument,
    dialect: DialectOption = None,
    timezone: TimezoneOption = None,
    region: RegionOption = None,
    numbers: NumbersOption = None,
    day_first: DayFirstOption = None,
) -> ExitCode:
    """Show how a file is read: its dialect and why, field by field, and three calls as they would be stored.

    Exit code 3: no dialect fits; what comes near is named.
    """
    from sentinel_batch.ingestion import propose_dialect
    from sentinel_batch.ingestion.loading.options import repeat_options

    config = session.configure(dialect=dialect, timezone=timezone, region=region, numbers=numbers)
    proposal = propose_dialect(file, config=config, day_first=day_first)
    out = session.output
    if out.as_json:
        facts = {name: value for name, value in proposal.to_dict().items() if name != "toml"}
        out.document({"status": "success" if proposal.recognised else "partial", **facts})
        return judge(proposal)
    print_proposal(out, proposal)
    if not proposal.recognised:
        command = repeat_options(config, day_first).type_anew("dialects propose", str(file), "--out my.toml")
        out.note(f"For a dialect to go on from: {command}")
    return judge(proposal)
