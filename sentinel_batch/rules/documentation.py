"""One Markdown page per rule, made from the rule file: ``python -m sentinel_batch.rules.documentation docs/rules``."""

from __future__ import annotations

import sys
from pathlib import Path

from sentinel_batch.errors import UsageError
from sentinel_batch.rules.catalogue import list_rules
from sentinel_batch.rules.parameters import show_value
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.inputs import PROFILES
from sentinel_batch.rules.lists import ReferenceList

_NOTICE = "<!-- Made from sentinel_batch/rules/{file} by python -m sentinel_batch.rules.documentation; do not edit. -->"


def render_page(rule: Rule) -> str:
    """Return the Markdown page of a rule."""
    sections = [
        _NOTICE.format(file=rule.file),
        f"# {rule.id}: {rule.name}",
        f"Alert type `{rule.alert_type}`, version {rule.version}, file `sentinel_batch/rules/{rule.file}`.",
        rule.description,
        "## Parameters",
        _tabulate_parameters(rule),
        f"Set them for every night in `sentinel.toml`, under `[rules.{rule.id}]`, or for one run on the command line.",
        _list_lists(rule),
        "## Period and windows",
        _explain_period(rule),
        "## Severity",
        _break_lines(rule.severity),
        _list_constants(rule),
        "## Confidence" if rule.confidence else "",
        rule.confidence,
        f"In the ranked queue, a finding of confidence 1 speaks for fraud with weight {rule.weight:g} by itself.",
        "## What NULL means",
        rule.nulls,
        "## What to do",
        rule.remediation,
        "## Source",
        rule.source,
        *(f"## Query: {name}\n\n```sql\n{sql}\n```" for name, sql in rule.queries.items()),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def write_pages(folder: str | Path) -> list[Path]:
    """Write the page of every shipped rule into a folder, made if need be; return their paths."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    pages = []
    for rule in list_rules():
        page = target / f"{rule.id}.md"
        page.write_text(render_page(rule), encoding="utf-8")
        pages.append(page)
    return pages


def _tabulate_parameters(rule: Rule) -> str:
    rows = [
        f"| `{p.name}` | {p.kind} | {show_value(p.default)} | {show_value(p.minimum)} to {show_value(p.maximum)} "
        f"| {p.unit} | {p.description} |"
        for p in rule.parameters.values()
    ]
    head = "| parameter | type | default | allowed | unit | meaning |\n|---|---|---|---|---|---|"
    return "\n".join([head, *rows])


def _explain_period(rule: Rule) -> str:
    text = (
        "The examined period is `(since, until]`; by default it ends at the newest call. One window of calls before "
        "`since` is read as well, so that the state carried into the period counts.\n\n"
        "A finding is one suspect in one episode: qualifying windows or days that touch or overlap (the next one "
        "begins no later than the last one ends) are one episode, and `episode_start` and `episode_end` bound their "
        "union. `first_seen` and `last_seen` are the suspect's first and last call that count in it."
    )
    if rule.reads(PROFILES):
        text += (
            "\n\nThe rule reads [profiles](../profiles.md), one row for each caller and local day: those that are "
            "stored, and for a day that is not stored or has got late calls, those that the calls give now."
        )
    if "trailing" in rule.queries:
        text += (
            "\n\nWith `--trailing`, the one window `[until - W, until]` is examined, both ends included, as in the "
            "rule's source. A suspect who works from noon to noon, half before and half after midnight, is missed "
            "by two such runs at midnight; the sliding window finds it."
        )
    return text


def _list_lists(rule: Rule) -> str:
    rows = [
        f"| `{entry.name}` | {', '.join(f'{c} ({kind})' for c, kind in entry.columns.items())} | "
        f"{_show_default(entry)} | {entry.description} |"
        for entry in rule.lists.values()
    ]
    if not rows:
        return ""
    head = "| list | columns | default | meaning |\n|---|---|---|---|"
    note = f"Give your own under `[rules.{rule.id}]`: rows, or the path of a CSV file with these columns."
    return "\n".join(["## Lists\n", head, *rows]) + f"\n\n{note}"


def _show_default(entry: ReferenceList) -> str:
    if entry.file is not None:
        return f"`sentinel_batch/rules/{entry.file}`"
    return ", ".join("/".join(str(value) for value in row) for row in entry.default) or "none"


def _list_constants(rule: Rule) -> str:
    return "\n".join(f"- `{name}` = {value}" for name, value in rule.constants.items())


def _break_lines(text: str) -> str:
    return "  \n".join(text.splitlines())


def main(arguments: list[str]) -> None:
    """Write the pages into the one folder that the arguments name.

    Raises
    ------
    UsageError
        If they name none, or several.
    """
    if len(arguments) != 1:
        raise UsageError(
            f"Got {len(arguments)} arguments.", hint="Usage: python -m sentinel_batch.rules.documentation docs/rules"
        )
    for page in write_pages(arguments[0]):
        print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
