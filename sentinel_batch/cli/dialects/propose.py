"""Command ``dialects propose``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_base.shell import quote_word
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
def propose(
    session: Session,
    file: FileArgument,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it to this new file; printed when not given."),
    ] = None,
    dialect: DialectOption = None,
    timezone: TimezoneOption = None,
    region: RegionOption = None,
    numbers: NumbersOption = None,
    day_first: DayFirstOption = None,
) -> ExitCode:
    """Propose a dialect for a file: TOML that loads as it is, with the reason for every line.

    Exit code 3: no dialect fits, and what is guessed or missing in the proposed one is marked.
    """
    from sentinel_batch.ingestion import propose_dialect
    from sentinel_batch.ingestion.loading.options import repeat_options
    from sentinel_batch.ingestion.proposal.saving import check_target, save_proposal

    if out_file is not None:
        check_target(out_file)
    config = session.configure(dialect=dialect, timezone=timezone, region=region, numbers=numbers)
    proposal = propose_dialect(file, config=config, day_first=day_first)
    out = session.output
    if out_file is not None:
        save_proposal(proposal, out_file)
    if out.as_json:
        written = None if out_file is None else str(out_file)
        out.document({"status": "success" if proposal.recognised else "partial", **proposal.to_dict(), "file": written})
    elif out_file is None:
        for line in proposal.toml.splitlines():
            out.line(line)
    else:
        print_proposal(out, proposal)
        open_fields = f" and fill in the column of {' and '.join(proposal.missing)}" if proposal.missing else ""
        out.note(f"Wrote {out_file}. Look through it{open_fields}, then:")
        named = f"--dialect {quote_word(str(out_file))}"
        out.note(f"  {repeat_options(config, day_first).type_anew('ingest', str(file), named, '--dry-run')}")
    return judge(proposal)
