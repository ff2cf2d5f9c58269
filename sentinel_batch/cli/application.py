"""The tree of commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup

from sentinel_batch import __version__
from sentinel_batch.cli.completion import VARIABLE, prepare_completion
from sentinel_batch.cli.failures import run_reported
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup, create_app


class ReportedGroup(TyperGroup):
    """The root command: every failure below it is reported in one place."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line and exit with its code."""
        arguments = tuple(sys.argv[1:] if args is None else args)
        session = Session(arguments)
        if VARIABLE in os.environ:
            prepare_completion()
        run = super().main
        code = run_reported(
            session,
            lambda: run(
                list(arguments),
                prog_name or "sentinel-batch",
                complete_var,
                False,
                windows_expand_args,
                obj=session,
                **extra,
            ),
        )
        if standalone_mode:
            sys.exit(code)
        return code


class RootGroup(ReportedGroup, LazyGroup):
    """The commands of the program, then its groups, in the order in which the help lists them."""

    places: ClassVar = {
        "ingest": "ingest:ingest",
        "detect": "detect:detect",
        "explain": "explain:explain",
        "queue": "queue:queue",
        "risk": "risk:risk",
        "report": "report:report",
        "nightly": "nightly:run",
        "notify": "notify:create",
        "maintain": "maintain:maintain",
        "doctor": "doctor:doctor",
        "serve": "serve:serve",
        "alerts": "alerts:create",
        "boxes": "boxes:create",
        "cases": "cases:create",
        "dialects": "dialects:create",
        "rules": "rules:create",
        "profiles": "profiles:create",
        "model": "model:create",
        "labels": "labels:create",
        "audio": "audio:create",
        "remote": "remote:create",
        "flow": "flow:create",
        "events": "events:create",
        "sim": "sim:create",
        "keys": "keys:create",
        "config": "config:create",
        "completion": "completion:completion",
    }
    old_names: ClassVar = {
        "generate": ("sim.calls:calls", "sim calls"),
        "simulate": ("sim.population:population", "sim population"),
        "bench-detect": ("sim.bench:bench", "sim bench"),
        "scorecard": ("rules.scorecard:scorecard", "rules scorecard"),
        "calibrate": ("rules.calibrate:calibrate", "rules calibrate"),
    }


app = create_app(cls=RootGroup)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
@with_session
def start(
    session: Session,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Call detail records in; ranked, explained, reviewable fraud alerts out.

    Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 partly done, 4 no input, 5 lake locked, 11-14 severity
    found (only with --fail-on), 21-24 action of audio route (only with --fail-on-action).
    """
