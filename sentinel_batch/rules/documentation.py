"""Pages on the rules, made from their headers: ``python -m sentinel_batch.rules.documentation docs``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from sentinel_batch.generated_pages import take_place
from sentinel_batch.rules.arguments import ALLOWED, Argument
from sentinel_batch.rules.catalogue import list_shipped
from sentinel_batch.rules.inputs import PROFILES
from sentinel_batch.rules.linter import list_tags
from sentinel_batch.rules.lists import ReferenceList
from sentinel_batch.rules.parameters import show_value
from sentinel_batch.rules.queries import TRAILING
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.steps import Step, list_steps, load_step

_NOTICE = "<!-- Made from {source} by python -m sentinel_batch.rules.documentation docs; do not edit. -->"
_BOOK = "sentinel_batch/rulebook"


def render_overview(rules: Sequence[Rule]) -> str:
    """Return the Markdown page of all rules: one table for each family, and the tags."""
    families = [
        f"## {family}\n\n{_tabulate_rules(own)}"
        for family, own in groupby(sorted(rules, key=lambda rule: (rule.family, rule.id)), lambda rule: rule.family)
    ]
    sections = [
        _NOTICE.format(source=_BOOK),
        "# Rules",
        f"{len(rules)} rules come with the program. `sentinel-batch rules show ID` prints all about one, and with "
        "`--expanded` the SQL that runs; `make docs` writes a page for each into `docs/rules/`. Parameters are set in "
        "[the configuration](configuration.md#rules), thresholds are found by [calibration](learning.md), and rules of "
        "your own are [a quarter of an hour away](own-rules.md).",
        "An *opener* opens alerts. What a *witness* finds is recorded only on numbers that something else speaks "
        "against; see [alerts](alerts.md#openers-and-witnesses).",
        *families,
        "## Tags",
        "What is gained, by which method, and what gives it away. `sentinel-batch rules list --tag fraud.bypass` lists "
        "the rules that have one; `--tag signal` those that have any of that kind.",
        _tabulate(("tag", "meaning"), ((f"`{tag}`", meaning) for tag, meaning in list_tags().items())),
    ]
    return "\n\n".join(sections) + "\n"


def render_steps() -> str:
    """Return the Markdown page of all steps."""
    steps = [load_step(name) for name in list_steps()]
    whole = [step for step in steps if step.adds or step.name == "findings"]
    sections = [
        _NOTICE.format(source=f"{_BOOK}/steps"),
        "# Steps",
        "Pieces of SQL that rules share, called in double braces. How a rule is made of them, and what a window and a "
        "finding must have, says [rules of your own](own-rules.md). An argument is a text in quotes, a number, a list "
        'in brackets, or `none`; a column may be given another name, `"duration_seconds AS seconds"`. '
        "`sentinel-batch rules show ID --expanded` prints what a rule's calls become.",
        "## Parts of a query",
        "They stand in the `WITH` of a query, between commas, and add the names that are listed; `findings` ends it.",
        *(_describe_step(step) for step in whole),
        "## Expressions",
        "They stand wherever an expression may stand, or where it says so.",
        _describe_severity(),
        *(_describe_step(step) for step in steps if step not in whole),
    ]
    return "\n\n".join(sections) + "\n"


def render_page(rule: Rule) -> str:
    """Return the Markdown page of a rule."""
    sections = [
        _NOTICE.format(source=f"{_BOOK}/{rule.header_file}"),
        f"# {rule.id}: {rule.name}",
        f"Alert type `{rule.alert_type}`, version {rule.version} of {rule.updated}, {rule.maturity}, since "
        f"{rule.created}. Tags: {', '.join(f'`{tag}`' for tag in rule.tags)}.",
        rule.description,
        "## Parameters",
        _tabulate_parameters(rule),
        f"Set them for every night in `sentinel.toml`, under `[rules.{rule.id}]`, or for one run on the command line.",
        _list_lists(rule),
        "## Period and windows",
        _explain_period(rule),
        "## Severity",
        "The rule's own grade; alerts carry the severity of their [expected loss](../severity.md).",
        rule.severity_note,
        "\n".join(
            f"- **{rung.level}**: {rung.text or rung.when or 'every other finding.'}" for rung in rule.ladder.rungs
        ),
        "\n".join(f"- `{name}` = {value}" for name, value in rule.constants.items()),
        "## Confidence" if rule.confidence else "",
        rule.confidence,
        f"In the ranked queue, a finding of confidence 1 speaks for fraud with weight {rule.weight:g} by itself. Its "
        f"role is `{rule.role}`; a true finding costs what `{rule.loss}` does ([severity](../severity.md)).",
        "## What to do",
        rule.remediation,
        "## Honest users that look alike",
        _itemise(rule.false_positives),
        "## What it reads, and what NULL means",
        f"Needed: {_code(rule.needed)}." + (f" Of use: {_code(rule.optional)}." if rule.optional else ""),
        rule.nulls,
        "## Source",
        rule.source,
        _itemise(rule.references),
        "## Query",
        f"`{_BOOK}/{rule.file}`; the [steps](../steps.md) in braces are put in before it runs.",
        f"```sql\n{rule.read_sql().strip()}\n```",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def write_pages(folder: str | Path) -> list[Path]:
    """Write ``rules.md`` and ``steps.md``, and below ``rules`` the page of every shipped rule, into a folder.

    Returns
    -------
    list of pathlib.Path
        The files.
    """
    target = Path(folder)
    (target / "rules").mkdir(parents=True, exist_ok=True)
    rules = list_shipped()
    pages = {target / "rules.md": render_overview(rules), target / "steps.md": render_steps()}
    pages |= {target / "rules" / f"{rule.id}.md": render_page(rule) for rule in rules}
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return list(pages)


def first_sentence(text: str) -> str:
    """Return the first sentence of a text, in one line."""
    return " ".join(text.split()).partition(". ")[0].removesuffix(".") + "."


def _describe_step(step: Step) -> str:
    lines = [f"### {step.name}", step.description, f"```sql\n{step.example}\n```" if step.example else ""]
    if step.arguments:
        rows = ((f"`{a.name}`", _show_argument(a), ALLOWED[a.kind], a.description) for a in step.arguments.values())
        lines.append(_tabulate(("argument", "default", "what it is", "meaning"), rows))
    if step.adds:
        lines.append(f"Adds {_code(step.adds)}.".replace("`INTO", "`*into*"))
    if step.columns:
        lines.append(_itemise(f"`{name}`: {meaning}" for name, meaning in step.columns.items()))
    if step.binds:
        lines.append(f"The rule declares {_code(step.binds)}.")
    return "\n\n".join(line for line in lines if line)


def _show_argument(argument: Argument) -> str:
    if argument.is_needed:
        return "needed"
    return "none" if argument.default is None else f"`{argument.default}`".replace("'", '"')


def _describe_severity() -> str:
    text = (
        "The severity by the `[[severity]]` tables of the rule's header, from 1 (LOW) to 4 (CRITICAL). Their "
        "conditions may name the columns that the SELECT in which it stands reads."
    )
    return f"### severity\n\n{text}\n\n```sql\n{{{{ severity() }}}} AS severity\n```"


def _tabulate_rules(rules: Iterable[Rule]) -> str:
    rows = (
        (f"`{rule.id}` {rule.name}", first_sentence(rule.description), rule.role, _code(rule.tags), rule.maturity)
        for rule in rules
    )
    return _tabulate(("rule", "what it looks for", "role", "tags", "maturity"), rows)


def _tabulate(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in rows)])


def _itemise(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _tabulate_parameters(rule: Rule) -> str:
    rows = (
        (
            f"`{p.name}`",
            p.kind,
            show_value(p.default),
            f"{show_value(p.minimum)} to {show_value(p.maximum)}",
            p.unit,
            p.description,
        )
        for p in rule.parameters.values()
    )
    return _tabulate(("parameter", "type", "default", "allowed", "unit", "meaning"), rows)


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
    if TRAILING in rule.queries:
        text += (
            "\n\nWith `--trailing`, the one window `[until - W, until]` is examined, both ends included, as in the "
            "rule's source. A suspect who works from noon to noon, half before and half after midnight, is missed "
            "by two such runs at midnight; the sliding window finds it."
        )
    return text


def _list_lists(rule: Rule) -> str:
    if not rule.lists:
        return ""
    rows = (
        (
            f"`{entry.name}`",
            ", ".join(f"{c} ({kind})" for c, kind in entry.columns.items()),
            _show_default(entry),
            entry.description,
        )
        for entry in rule.lists.values()
    )
    note = f"Give your own under `[rules.{rule.id}]`: rows, or the path of a CSV file with these columns."
    return f"## Lists\n\n{_tabulate(('list', 'columns', 'default', 'meaning'), rows)}\n\n{note}"


def _show_default(entry: ReferenceList) -> str:
    if entry.file is not None:
        return f"`{_BOOK}/{entry.file.removeprefix('../')}`"
    return ", ".join("/".join(str(value) for value in row) for row in entry.default) or "none"


def main(arguments: list[str]) -> None:
    """Write the pages into the one folder that the arguments name.

    Raises
    ------
    UsageError
        If they name none, or several.
    """
    for page in write_pages(take_place(arguments, "sentinel_batch.rules.documentation", "docs")):
        print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
