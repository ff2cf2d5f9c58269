"""Options that every command takes, before or after its name, and what they resolve to."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sentinel_batch.cli.output import Output
from sentinel_batch.config import Config, load_config

if TYPE_CHECKING:
    from sentinel_batch.desk import Desk

LakeOption = Annotated[
    str | None,  # A Path would make s3:/ of s3://.
    typer.Option(
        "--lake", metavar="PATH", help="Folder or address of the tables [env SENTINEL_LAKE; default data/lake]."
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration file [env SENTINEL_CONFIG; default sentinel.toml]."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the payload, warnings and errors.")]
ColorOption = Annotated[
    Literal["auto", "always", "never"] | None,
    typer.Option("--color", metavar="auto|always|never", help="Colour; auto honours NO_COLOR [default auto]."),
]
LockOption = Annotated[
    float | None,
    typer.Option("--lock-timeout", metavar="SECONDS", help="How long to wait for another writer [default 600]."),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine", metavar="duckdb|spark", help="Who runs rules; spark is a Connect server [env SENTINEL_ENGINE]."
    ),
]
"""For commands that run rules."""
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, also on failure.")]

_COMMON: dict[str, tuple[Any, Any]] = {
    "lake": (LakeOption, None),
    "config_file": (ConfigOption, None),
    "quiet": (QuietOption, False),
    "color": (ColorOption, None),
    "lock_timeout": (LockOption, None),
    "as_json": (JsonOption, False),
}
COMMON_OPTIONS = ("--lake", "--config", "--quiet", "--color", "--lock-timeout", "--json")


@dataclass
class Session:
    """What one call of the command line was asked to do.

    Parameters
    ----------
    arguments
        The words of the command line.
    given
        Common options that were given; the one nearest to the end of the line wins.
    """

    arguments: tuple[str, ...] = ()
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> Output:
        """The output policy; also usable when the command line could not be parsed."""
        return Output(
            as_json=bool(self.given.get("as_json")) or "--json" in self._options(),
            quiet=bool(self.given.get("quiet")) or "--quiet" in self._options(),
            color=self.given.get("color") or "auto",
        )

    def configure(self, **flags: Any) -> Config:
        """Return the configuration, with the command's own flags on top (None means not given)."""
        file = self.given.get("config_file")
        common = {name: self.given.get(name) for name in ("lake", "lock_timeout")}
        return load_config(file).override(typed=True, **common, **flags)

    def desk(self, **flags: Any) -> Desk:
        """Return the desk of this call: the lake with :meth:`configure`'s settings."""
        from sentinel_batch.desk import Desk

        return Desk(self.configure(**flags))

    def warn_without_calls(self, desk: Desk) -> None:
        """Say that the lake has no calls, where that is so: that nothing was found there means nothing."""
        if desk.tables.bounds() is None:
            self.output.warn(
                "The lake has no calls, so nothing can be found. Load some: sentinel-batch ingest FILES; if rows were "
                "rejected, sentinel-batch ingest --dry-run FILES says why."
            )

    def record(self, **options: Any) -> None:
        """Remember common options."""
        self.given |= {name: value for name, value in options.items() if value is not None and value is not False}

    def _options(self) -> tuple[str, ...]:
        end = self.arguments.index("--") if "--" in self.arguments else len(self.arguments)
        return self.arguments[:end]


def _name_work(context: typer.Context) -> str:
    """Return the name of the command, without the program's."""
    return context.command_path.partition(" ")[2]


def with_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the common options; it receives the :class:`Session` as its first argument."""
    _, *own = inspect.signature(function, eval_str=True).parameters.values()

    @functools.wraps(function)
    def command(context: typer.Context, **values: Any) -> Any:
        session = context.ensure_object(Session)
        session.record(**{name: values.pop(name) for name in _COMMON})
        with session.output.progress(_name_work(context)):
            return function(session, **values)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    parameters += [p.replace(kind=keyword) for p in own]
    parameters += [inspect.Parameter(n, keyword, annotation=a, default=d) for n, (a, d) in _COMMON.items()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    del command.__wrapped__
    return command
