"""How answers are given (JSON on stdout or in a file, or a few lines), and what is looked at before a file is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from batch_base.plain import to_plain
from sentinel_batch.cli.option_groups import Options, grouped
from sentinel_batch.cli.output import Output
from sentinel_batch.errors import InvalidRecordingError, UsageError

OutputFile = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write the JSON result to a file instead of stdout.")
]
Pretty = Annotated[bool, typer.Option("--pretty", help="Print the JSON result, indented.")]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Where a result goes, and in which form; the fields are those of the options.

    Parameters
    ----------
    output
        File that takes the JSON; its folder is made if it does not exist.
    """

    output: Path | None = None
    pretty: bool = False

    def give(
        self, out: Output, document: Mapping[str, Any], lines: Sequence[str] = (), *, always_json: bool = False
    ) -> None:
        """Give a result.

        Parameters
        ----------
        lines
            The same for people; printed unless JSON was asked for.
        always_json
            Whether JSON is printed even if nobody asked.
        """
        indent = 2 if self.pretty else None
        text = json.dumps(to_plain(document), indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
        if self.output is not None:
            _write(out, self.output, text)
            out.note(f"Results written to {self.output}")
        if out.as_json:
            out.document(document)
        elif self.output is None and (self.pretty or always_json):
            out.raw(text)
        elif self.output is None:
            for line in lines:
                out.line(line)


DELIVERY: Options = {"output": (OutputFile, None), "pretty": (Pretty, False)}
with_delivery = grouped("delivery", Delivery, DELIVERY)
"""Gives a command the options of a `Delivery`, which it receives as ``delivery``."""


def _write(out: Output, path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        # Nobody can ask for it again: what was reported is reported.
        out.warn(f"What the server answered: {text.strip()}")
        hint = "Name a file in a folder that can be written, with --output."
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.", hint=hint) from error


def describe(results: Mapping[str, Any]) -> list[str]:
    """Return the answers of a server in a line each."""
    lines = []
    if (found := results.get("deepfake")) is not None:
        lines.append(f"Score     {found['score']:.3f} ({found['label']}; 0 human, 1 synthetic)")
    if (found := results.get("mfa")) is not None:
        verified = "yes" if found["verified"] else "no"
        lines.append(f"Verified  {verified} ({found['enrollment_id']}, confidence {found['confidence']:.3f})")
    if (found := results.get("sar")) is not None:
        draft = " (a draft; nothing was filed)" if found.get("draft") is True else ""
        lines.append(f"Report    {found['status']}, case {found['case_id']}{draft}")
    return lines


def check_before_sending(path: str, *, skip: bool) -> None:
    """Refuse a file on which no verdict should rest, before it is sent anywhere.

    Raises
    ------
    InvalidRecordingError
        It is not valid; its first problem is named.
    """
    if skip or not Path(path).exists():  # A missing file is the client's to name.
        return
    from audio_batch.validation import validate

    checked = validate(path)
    if checked.is_valid:
        return
    issue = checked.issues[0]
    more = "" if len(checked.issues) == 1 else f" (and {len(checked.issues) - 1} more)"
    raise InvalidRecordingError(
        f"{path} was not sent: {issue.message}{more}",
        hint=f"See: sentinel-batch audio validate {path}; --no-validate sends it all the same.",
        path=path,
        issues=list(checked.codes),
    )
