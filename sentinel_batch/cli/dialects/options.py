"""Options of the commands that look at a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentinel_batch.cli.offers import offer_dialects

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A file of calls; only its first lines are read.")]
DialectOption = Annotated[
    str | None,
    typer.Option(
        "--dialect",
        metavar="NAME",
        help="Dialect, or a dialect file; detected when not given.",
        autocompletion=offer_dialects,
    ),
]
TimezoneOption = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="Zone of times without offset [default Africa/Lagos]."),
]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="CC", help="Country of national numbers [default NG].")
]
NumbersOption = Annotated[
    str | None,
    typer.Option("--numbers", metavar="WAY", help="Digits without +: auto, national or international."),
]
DayFirstOption = Annotated[
    bool | None,
    typer.Option("--day-first/--month-first", help="How to read 03/04/2026 where the file leaves it open."),
]
