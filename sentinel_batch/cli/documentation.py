"""The command reference, generated from the application: ``python -m sentinel_batch.cli.documentation docs/cli.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from audio_batch.routing import EXIT_CODES as ACTION_CODES
from sentinel_batch.cli.application import app
from sentinel_batch.cli.failures import INTERRUPTED
from sentinel_batch.cli.session import COMMON_OPTIONS
from sentinel_batch.errors import ExitCode

_HEAD = """\
# Command reference

This page is generated from the program (`make docs`); do not edit it.

`sentinel-batch [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]`

Payload goes to standard output, everything else to standard error. `--json` prints exactly one JSON document on
standard output, also when the command fails; every document carries `schema_version`. Times are UTC.
`python -m sentinel_batch` is the same program.

Tables that are wider than the terminal leave columns out, the least important first, and say which; `--json` has them
all. On a terminal, a command that takes longer than a second shows what it works on, and the time that is left.

## Completion with the Tab key

For now: `eval "$(sentinel-batch completion bash)"`. For good, add that line to `~/.bashrc`; for zsh, with `zsh` instead
of `bash`, to `~/.zshrc` after `compinit`; for fish, write what `sentinel-batch completion fish` prints to
`~/.config/fish/completions/sentinel-batch.fish`. Completed are commands and options, ids of alerts, cases and boxes (of
the lake of `--lake`, the environment or the settings), names of rules, dialects, models and policies. Subscribers'
numbers never are: they would stand on the screen and in the shell's history.
"""

_EXIT_CODES = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "usage or configuration: an option, argument or setting is not allowed",
    ExitCode.PARTLY_DONE: "partly done: some input, or a rule of yours, could not be used; it is listed",
    ExitCode.NO_INPUT: "no input: the given paths hold nothing to read",
    ExitCode.LOCKED: "another run holds the lock of the lake",
    ExitCode.FOUND_LOW: "only with `--fail-on`: the worst finding is LOW",
    ExitCode.FOUND_MEDIUM: "only with `--fail-on`: the worst finding is MEDIUM",
    ExitCode.FOUND_HIGH: "only with `--fail-on`: the worst finding is HIGH",
    ExitCode.FOUND_CRITICAL: "only with `--fail-on`: the worst finding is CRITICAL",
}

_ERROR_DOCUMENT = """\
## The error document

With `--json`, a command that fails prints, and exits with its code:

```json
{
  "status": "error",
  "schema_version": 1,
  "error": {"code": "lake_not_found", "message": "There is no lake at ...", "hint": "Load call records first: ..."}
}
```

`code` is stable; further keys of `error` depend on it. `ingest` and `nightly`, when they could start, print their own
document, in which `status` is `failed` or `partial` and every file that was not taken has an `error`. Without `--json`
the message and the hint go to standard error. `SENTINEL_DEBUG=1` adds the traceback of an unexpected error.
"""


def list_commands() -> dict[str, Any]:
    """Return every command that can be run, by its full name, groups left out."""
    return dict(_walk(typer.main.get_command(app), ""))


def render_reference() -> str:
    """Return the reference as Markdown."""
    root: Any = typer.main.get_command(app)
    lines = [_HEAD, "## Options of every command", "", "They are accepted before and after the command's name.", ""]
    lines += _options(root, common=True)
    lines += ["", "## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {int(code)} | {meaning} |" for code, meaning in _EXIT_CODES.items()]
    lines += [f"| {code} | only with `--fail-on-action`: {action} |" for action, code in ACTION_CODES.items() if code]
    lines += [f"| {INTERRUPTED} | interrupted (Ctrl-C) |", "", _ERROR_DOCUMENT]
    for name, command in list_commands().items():
        lines += _section(name, command)
    return "\n".join(lines).rstrip() + "\n"


def _walk(command: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, child in command.commands.items():
        if child.hidden:
            continue
        if hasattr(child, "commands"):
            yield from _walk(child, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", child


def _section(name: str, command: Any) -> list[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join(["sentinel-batch", name, "[OPTIONS]", *(p.metavar or p.name.upper() for p in arguments)])
    lines = [f"## {name}", "", f"`{usage}`", "", (command.help or "").strip(), ""]
    for argument in arguments:
        default = "" if argument.required or argument.default is None else f" Default `{argument.default}`."
        lines.append(f"- `{argument.metavar}`: {argument.help}{default}")
    options = _options(command, common=False)
    return [*lines, *([""] if arguments and options else []), *options, ""]


def _options(command: Any, *, common: bool) -> list[str]:
    options = [p for p in command.params if p.param_type_name == "option"]
    chosen = [p for p in options if (p.opts[0] in COMMON_OPTIONS) == common]
    if not chosen:
        return []
    return ["| option | meaning |", "|---|---|", *(_option_row(option) for option in chosen)]


def _option_row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    metavar = "" if option.is_flag or not option.metavar else f" {option.metavar}".replace("|", "\\|")
    default = "" if option.is_flag or option.default in (None, "") else f" Default `{option.default}`."
    required = " Required." if option.required else ""
    return f"| {names}{metavar} | {option.help}{default}{required} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_reference(), encoding="utf-8")
