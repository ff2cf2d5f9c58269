"""Command ``sim calls``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentinel_batch.cli.session import Session, with_session


@with_session
def calls(
    session: Session,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="CSV file to write.")],
    total: Annotated[int, typer.Argument(metavar="[TOTAL]", help="Number of records.")] = 5000,
    simbox_callers: Annotated[int, typer.Argument(metavar="[SIMBOX_CALLERS]", help="Number of SIM boxes.")] = 3,
    calls_per_simbox: Annotated[int, typer.Argument(metavar="[CALLS_PER_SIMBOX]", help="Calls of each.")] = 75,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal files.")] = 42,
    days: Annotated[int, typer.Option("--days", help="Days of traffic.")] = 1,
    dirty: Annotated[float, typer.Option("--dirty", metavar="SHARE", help="Share of damaged rows, 0 to 1.")] = 0.0,
) -> None:
    """Write synthetic call records whose SIM boxes are known.

    The truth about the file goes beside it (x.truth.json for x.csv).
    """
    from sentinel_batch.simulation import MockCDRGenerator, truth_path

    numbers = MockCDRGenerator(seed, days=days, dirty=dirty).save_to_file(
        output, total_records=total, simbox_callers=simbox_callers, simbox_calls_per_caller=calls_per_simbox
    )
    out = session.output
    if out.as_json:
        out.document(
            {
                "status": "success",
                "output": output,
                "records": total,
                "simbox_numbers": numbers,
                "truth": truth_path(output),
                "seed": seed,
            }
        )
        return
    out.line(f"{output}: {total:,} records, {len(numbers)} SIM boxes")
    for number in numbers:
        out.line(f"  {number}")
    out.note(f"Ground truth: {truth_path(output)}")
