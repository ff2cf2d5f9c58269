"""The tree of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sentinel_batch import __version__
from sentinel_batch.cli import (
    alerts,
    audio,
    cases,
    config,
    detect,
    doctor,
    explain,
    ingest,
    maintain,
    model,
    nightly,
    profiles,
    queue,
    report,
    risk,
    rules,
    sim,
)
from sentinel_batch.cli.failures import run_reported
from sentinel_batch.cli.moved import keep_old_names
from sentinel_batch.cli.session import Session, with_session


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


def create_app(**settings: Any) -> typer.Typer:
    """Return an application or a group; all of them have the same set-up."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["--help", "-h"]},
        **settings,
    )


_MOVED = {
    "generate": (sim.calls.calls, "sim calls"),
    "simulate": (sim.population.population, "sim population"),
    "bench-detect": (sim.bench.bench, "sim bench"),
    "scorecard": (rules.scorecard.scorecard, "rules scorecard"),
    "calibrate": (rules.calibrate.calibrate, "rules calibrate"),
}

app = create_app(cls=keep_old_names(ReportedGroup, _MOVED))


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


app.command("ingest")(ingest.ingest)
app.command("detect")(detect.detect)
app.add_typer(alerts.create(create_app), name="alerts")
app.command("explain")(explain.explain)
app.add_typer(cases.create(create_app), name="cases")
app.command("queue")(queue.queue)
app.command("risk")(risk.risk)
app.add_typer(rules.create(create_app), name="rules")
app.add_typer(profiles.create(create_app), name="profiles")
app.add_typer(model.create(create_app), name="model")
app.command("report")(report.report)
app.add_typer(audio.create(create_app), name="audio")
app.command("nightly")(nightly.run)
app.add_typer(sim.create(create_app), name="sim")
app.command("maintain")(maintain.maintain)
app.command("doctor")(doctor.doctor)
app.add_typer(config.create(create_app), name="config")
