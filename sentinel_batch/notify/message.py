"""The message of a night: whether there is one, and what it says.

Numbers and file names come from strangers. A chat or mail program makes links, mentions and markup of what it is given,
so they are written with a small alphabet, on one line, and shortened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from sentinel_batch.errors import ConfigurationError
from sentinel_batch.schema import SEVERITIES, SEVERITY_RANK

if TYPE_CHECKING:
    from sentinel_batch.config import Config

_LENGTH = 80
_FOREIGN = re.compile(r"[^\w +.,;:()#%'=-]")
_LINK = re.compile(r":(?=\S)")


@dataclass(frozen=True)
class Brief:
    """What a message is made of.

    Parameters
    ----------
    lake
        What the lake is called.
    date
        Local date of the night, ISO 8601.
    outcome
        ``done``, ``partial`` or ``failed``.
    new, grown
        Suspects and boxes that are new since the last night, and that go on: ``suspect``, ``severity``, ``reason``
        each, worst first.
    still_open
        How many alerts of earlier nights are open.
    troubles
        What was lost or went wrong, worst first: ``what`` and ``message`` each.
    calls, files
        How many calls and files came in.
    report
        Path or address of the report; empty if there is none.
    """

    lake: str
    date: str
    outcome: str
    new: list[dict[str, str]] = field(default_factory=list)
    grown: list[dict[str, str]] = field(default_factory=list)
    still_open: int = 0
    troubles: list[dict[str, str]] = field(default_factory=list)
    calls: int = 0
    files: int = 0
    report: str = ""


@dataclass(frozen=True)
class Message:
    """A message.

    Parameters
    ----------
    title
        One line.
    body
        Plain text.
    """

    title: str
    body: str


def compose_message(brief: Brief, config: Config) -> Message | None:
    """Return the message of a night, or None if there is nothing that the settings want to be told.

    Something lost or failed is always told; suspects are from the severity ``notify_floor`` on, and named up to
    ``notify_budget``.

    Parameters
    ----------
    brief
        The night.
    config
        Its settings ``notify_*``.

    Raises
    ------
    ConfigurationError
        If the template cannot be read, or asks for something that there is not.
    """
    new, grown = (_above(rows, config.notify_floor) for rows in (brief.new, brief.grown))
    if not (new or grown or brief.troubles or config.notify_always or brief.outcome == "failed"):
        return None
    headline = _headline(brief, new, grown)
    body = _fill(
        _read_template(config.notify_template),
        {
            "lake": tame(brief.lake),
            "date": brief.date,
            "outcome": brief.outcome,
            "headline": headline,
            "troubles": _lines("Lost or failed:", _trouble_lines(brief), config.notify_budget),
            "new": _lines(f"New suspects, from {config.notify_floor} on:", _suspect_lines(new), config.notify_budget),
            "grown": _lines(
                f"Grown suspects, from {config.notify_floor} on:", _suspect_lines(grown), config.notify_budget
            ),
            "open": f"{brief.still_open:,}",
            "calls": f"{brief.calls:,}",
            "files": f"{brief.files:,}",
            "report": brief.report or "none was written",
        },
        config.notify_template,
    )
    return Message(
        f"Sentinel {tame(brief.lake)} {brief.date}: {headline}", re.sub(r"\n{3,}", "\n\n", body).strip() + "\n"
    )


def make_example(config: Config) -> Brief:
    """Return a made-up night that has something of everything, to try the settings out with."""
    severities = [name for name in SEVERITIES if SEVERITY_RANK[name] >= SEVERITY_RANK[config.notify_floor]]
    numbers = enumerate(reversed(severities), 1)
    return Brief(
        lake=config.lake_name or Path(config.lake).name,
        date="2026-01-21",
        outcome="partial",
        new=[{"suspect": f"+234803000000{n}", "severity": name, "reason": "a made-up suspect"} for n, name in numbers],
        grown=[{"suspect": "box 7", "severity": config.notify_floor, "reason": "a made-up box of 12 SIMs"}],
        still_open=5,
        troubles=[{"what": "made-up.csv.gz", "message": "the compressed file is damaged or cut short"}],
        calls=120_000,
        files=24,
        report=str(config.reports / "latest" / "report.html"),
    )


def tame(text: str) -> str:
    """Write a text from outside so that no mail or chat program makes more of it than text."""
    one_line = _FOREIGN.sub("·", " ".join(text.split()))
    plain = _LINK.sub("·", one_line).replace("www.", "www·")
    return plain if len(plain) <= _LENGTH else plain[: _LENGTH - 1] + "…"


def _headline(brief: Brief, new: list[dict[str, str]], grown: list[dict[str, str]]) -> str:
    parts = ["THE NIGHT FAILED"] if brief.outcome == "failed" else []
    lost = len(brief.troubles)
    parts += [f"{lost:,} lost or failed"] if lost and brief.outcome != "failed" else []
    for severity in reversed(SEVERITIES):
        count = sum(row["severity"] == severity for row in new)
        parts += [f"{count:,} new {severity}"] if count else []
    parts += [f"{len(grown):,} grown"] if grown else []
    if new or grown:
        parts[-1] += " suspect" if parts[-1].startswith("1 ") else " suspects"
    return ", ".join(parts) or "nothing new"


def _above(rows: list[dict[str, str]], floor: str) -> list[dict[str, str]]:
    return [row for row in rows if SEVERITY_RANK.get(row["severity"], 0) >= SEVERITY_RANK[floor]]


def _suspect_lines(rows: list[dict[str, str]]) -> list[str]:
    return [f"{row['severity']} {tame(row['suspect'])}: {tame(row['reason'])}" for row in rows]


def _trouble_lines(brief: Brief) -> list[str]:
    return [f"{tame(row['what'])}: {tame(row['message'])}" for row in brief.troubles]


def _lines(title: str, lines: list[str], budget: int) -> str:
    if not lines:
        return ""
    rest = len(lines) - budget
    return "\n".join(
        [title, *(f"- {line}" for line in lines[:budget]), *([f"- and {rest:,} more"] if rest > 0 else [])]
    )


def _read_template(path: Path | None) -> str:
    if path is None:
        return files("sentinel_batch.notify").joinpath("message.txt").read_text(encoding="utf-8")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The template of the message, {path}, cannot be read: {error}.",
            hint="Name a text file in [notify] template, or leave it out for the shipped one.",
            file=str(path),
        ) from error


def _fill(template: str, values: dict[str, str], path: Path | None) -> str:
    try:
        return Template(template).substitute(values)
    except (KeyError, ValueError) as error:
        raise ConfigurationError(
            f"The template of the message, {path}, cannot be filled in: {error}; allowed: "
            f"{', '.join(f'${name}' for name in values)}, and $$ for a dollar sign.",
            hint="Correct it, then try it out: sentinel-batch notify test",
            file=str(path),
            allowed=sorted(values),
        ) from error
