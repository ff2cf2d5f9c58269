"""What the user sees, and cron gets, when a command fails."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable
from typing import Any

import typer

from audio_batch.errors import AudioError, AudioUsageError
from batch_base.extras import MissingExtraError, explain_missing
from batch_base.suggestions import find_nearest
from sentinel_batch.cli.session import Session
from sentinel_batch.errors import ExitCode, SentinelError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""

DEBUG_VARIABLE = "SENTINEL_DEBUG"

_REFUSED_CHOICE = re.compile(r"'([^']*)' is not one of (.+)\.")
_WANTED = {"integer": "a whole number", "number": "a number"}


def run_reported(session: Session, action: Callable[[], Any]) -> int:
    """Run a command; report its failure, in words or as a JSON document, and return the exit code."""
    try:
        result = action()
    except SentinelError as error:
        _report(session, error.code, error.message, error.hint, error.details)
        return int(error.exit_code)
    except AudioError as error:
        _report(session, error.code, error.message, error.hint, error.details)
        return int(_judge_audio(error))
    except MissingExtraError as error:
        return _report_missing(session, error)
    except ModuleNotFoundError as error:
        missing = explain_missing(error)
        return _report_unexpected(session, error) if missing is None else _report_missing(session, missing)
    except typer.TyperException as error:
        if _asks_for_help(error):
            return _show_help(session, error)
        _report(session, "usage", _word_usage(error), _usage_hint(error), {})
        return int(ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except Exception as error:
        return _report_unexpected(session, error)
    if result == INTERRUPTED:
        _report(session, "interrupted", "Interrupted.", "What was committed is kept; run the command again.", {})
    return int(result) if isinstance(result, int) else int(ExitCode.DONE)


def _report_missing(session: Session, error: MissingExtraError) -> int:
    _report(session, error.code, error.message, error.hint, error.details)
    return int(ExitCode.USAGE)


def _judge_audio(error: AudioError) -> ExitCode:
    if isinstance(error, AudioUsageError):
        return ExitCode.USAGE
    return ExitCode.NO_INPUT if error.details.get("reason") == "missing" else ExitCode.FAILED


def _report_unexpected(session: Session, error: Exception) -> int:
    if os.environ.get(DEBUG_VARIABLE):
        session.output.warn(traceback.format_exc())
    first = next(iter(str(error).splitlines()), "")
    message = f"{type(error).__name__}: {first}" if first else type(error).__name__
    hint = f"This is a defect of Sentinel Batch; run again with {DEBUG_VARIABLE}=1 to see where it happened."
    if isinstance(error, OSError):
        hint = f"Check that the path exists and can be accessed; {DEBUG_VARIABLE}=1 shows where it happened."
    _report(session, "unexpected", message, hint, {})
    return int(ExitCode.FAILED)


def _report(session: Session, code: str, message: str, hint: str, details: dict[str, Any]) -> None:
    output = session.output
    if output.as_json:
        facts = {**details, "code": code, "message": message, "hint": hint}
        ordered = {name: facts[name] for name in ("code", "message", "hint", *details)}
        output.document({"status": "error", "schema_version": 1, "error": ordered})
    else:
        output.error(message, hint)


def _asks_for_help(error: typer.TyperException) -> bool:
    """Tell whether a group was named without a command: its message is the help, in Typer's own words."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _show_help(session: Session, error: typer.TyperException) -> int:
    if session.output.as_json:
        command = getattr(error, "ctx").command_path  # noqa: B009 (only some of these errors have one)
        _report(session, "usage", f"{command} needs a command.", _usage_hint(error), {})
    else:
        session.output.raw(error.format_message() + "\n")
    return int(ExitCode.USAGE)


def _word_usage(error: typer.TyperException) -> str:
    """Return the message without the words that pydantic, which checks values, has for programmers."""
    message = error.format_message().replace("Value error, ", "")
    for kind, wanted in _WANTED.items():
        message = re.sub(rf"Input should be a valid {kind}(, unable to [a-z ]+)?", f"it must be {wanted}", message)
    return message.replace("Input should be", "it must be")


def _usage_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "sentinel-batch"
    refused = _REFUSED_CHOICE.search(error.format_message())
    near = find_nearest(refused[1].lower(), re.findall(r"'([^']+)'", refused[2])) if refused else None
    return f"{f'Did you mean {near}? ' if near else ''}See {command} --help."
