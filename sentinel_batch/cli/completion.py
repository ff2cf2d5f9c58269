"""Command ``completion``: what a shell runs to complete commands, options, ids and names."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sentinel_batch.cli.session import Session, with_session

PROGRAM = "sentinel-batch"
VARIABLE = "_SENTINEL_BATCH_COMPLETE"
"""Environment variable by which a shell asks for completions."""


@with_session
def completion(
    session: Session,
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print what completes commands, options, ids and names with the Tab key.

    For now: eval "$(sentinel-batch completion bash)". For good, add that line to ~/.bashrc (zsh: ~/.zshrc, after
    compinit), or write it to ~/.config/fish/completions/sentinel-batch.fish. Subscribers' numbers are never offered.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell)
    if session.output.as_json:
        session.output.document({"status": "success", "shell": shell, "script": script})
    else:
        session.output.raw(script + "\n")


def prepare_completion() -> None:
    """Let the program answer a shell that asks for completions."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()
