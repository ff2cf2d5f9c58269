"""Files of cases, ``ID.cases.yml``: what stands in them, and where; what cannot be read is said in plain words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from batch_base.suggestions import suggest
from sentinel_batch.errors import RuleError
from sentinel_batch.rules.rule import Rule
from sentinel_batch.schema import CALL_RECORDS, FINDING_COLUMNS

SHORT = {
    "caller": "caller_number",
    "callee": "callee_number",
    "duration": "duration_seconds",
    "cell": "location_code",
    "direction": "call_direction",
}
"""Short names of columns of ``call_records``."""

STEPS = ("at", "every", "count")
"""Keys of a row of calls that are no columns."""

OPTIONS = (
    "window", "since", "until", "direction", "answered_only", "trailing", "min_unique_destinations",
    "max_avg_duration", "parameters", "lists",
)  # fmt: skip
"""What a case may run its rule with: arguments of ``examine``, and lists."""

_KEYS = ("name", "calls", "options", "findings")
_COLUMNS = {**CALL_RECORDS.columns, **{short: CALL_RECORDS.columns[name] for short, name in SHORT.items()}}
_TIME = re.compile(r"(?:(\d\d?) )?(\d\d):(\d\d):(\d\d(?:\.\d+)?)")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_WANTED = {"text": "a text in quotes", "flag": "true or false"}
_FITS: dict[str, tuple[type, ...]] = {"text": (str,), "flag": (bool,), "real": (int, float)}


@dataclass(frozen=True)
class Case:
    """One case of a rule.

    Parameters
    ----------
    rule_id, name
        What it is about.
    calls
        Mappings as written: ``caller``, ``callee`` (``c{0..34}`` stands for 35 numbers), ``at`` (``22 10:00:00``, day
        of January 2026 and UTC), ``every`` (seconds), ``count`` (calls, the numbers in turn), ``duration`` (seconds),
        ``cell``, ``direction`` and every other column of ``call_records``.
    options
        What the rule is run with: arguments of ``examine``; ``lists`` are rows of the rule's lists.
    findings
        What is expected of each finding, in order; a key ``evidence`` expects figures of its own.
    place
        Where it stands, ``file:line``.
    """

    rule_id: str
    name: str
    calls: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any]
    findings: tuple[Mapping[str, Any], ...]
    place: str = ""

    def error(self, message: str, hint: str) -> RuleError:
        """Return an error that names the case."""
        before = f"{self.place}: " if self.place else ""
        return RuleError(f"{before}case {self.name!r} of {self.rule_id}: {message}", hint=hint)


def read_cases(rule: Rule) -> list[Case]:
    """Return the cases of a rule; none if it has no file.

    Raises
    ------
    RuleError
        If the file is not as described.
    """
    path = rule.cases_path
    if not path.is_file():
        return []
    file = f"{rule.label}.cases.yml"
    try:
        entries, lines = _load(path.read_text(encoding="utf-8-sig"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{file}: the cases cannot be read: {error}.", hint="Write them as UTF-8 text.") from error
    return [_read_case(rule, entry, f"{file}:{line}") for entry, line in zip(entries, lines, strict=True)]


def check_calls(case: Case) -> None:
    """Raise for a row of calls that cannot be read.

    Raises
    ------
    RuleError
        If it has an unknown key, lacks its time, or holds a value that its column cannot have.
    """
    for number, entry in enumerate(case.calls, 1):
        row = f"calls, row {number}"
        _check_keys(case, row, entry, (*STEPS, *_COLUMNS))
        if "at" not in entry:
            raise case.error(f"{row} has no time.", "Such as at: '10:00:00', or at: '23 10:00:00'; with quotes.")
        for name, value in entry.items():
            _check_value(case, row, name, value)


def read_time(value: Any) -> Any:
    """Return the instant that a text such as ``22 10:00:00`` stands for; anything else as it is."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    moment = datetime(2026, 1, int(match[1] or 22), int(match[2]), int(match[3]), tzinfo=UTC)
    return moment + timedelta(seconds=float(match[4]))


def count_range(value: Any) -> int:
    """Return how many numbers ``c{0..34}`` stands for; 1 for anything else."""
    found = _RANGE.search(value) if isinstance(value, str) else None
    return int(found[2]) - int(found[1]) + 1 if found else 1


def pick(value: Any, index: int) -> Any:
    """Return the index-th of the values that ``c{0..34}`` stands for, in turn, as wide as the first is written."""
    if not isinstance(value, str):
        return value
    return _RANGE.sub(lambda m: str(int(m[1]) + index % (int(m[2]) - int(m[1]) + 1)).zfill(len(m[1])), value)


def _load(text: str, file: str) -> tuple[list[Any], list[int]]:
    """Return the entries of a file of cases, and their lines."""
    import yaml

    try:
        node, entries = _parse(text)
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"{file}:{mark.line + 1}" if mark is not None else file
        raise RuleError(
            f"{place}: the cases are not YAML: {problem or 'a character is not allowed'}.",
            hint="Look at brackets, commas, indentation and quotes at that line, and above it.",
        ) from None
    except ValueError as error:  # a date that does not exist
        raise RuleError(f"{file}: the cases cannot be read: {error}.", hint="Put times into quotes.") from None
    if not isinstance(entries, list):
        raise RuleError(f"{file}:1: the cases are no list.", hint="Begin each case with a dash: - name: …")
    return entries, [entry.start_mark.line + 1 for entry in (node.value if entries and node is not None else ())]


def _parse(text: str) -> tuple[Any, Any]:
    """Return the node of a YAML text, which has its lines, and its value."""
    import yaml

    try:
        return _build(yaml.CSafeLoader(text))
    except (AttributeError, yaml.YAMLError):  # PyYAML without libyaml; or an error, which the other parser says better
        return _build(yaml.SafeLoader(text))


def _build(loader: Any) -> tuple[Any, Any]:
    node = loader.get_single_node()
    return node, (loader.construct_document(node) or [] if node is not None else [])


def _read_case(rule: Rule, entry: Any, place: str) -> Case:
    if not isinstance(entry, Mapping):
        raise RuleError(f"{place}: {entry!r} is no case.", hint=f"A case has: {', '.join(_KEYS)}.")
    case = Case(rule.id, str(entry.get("name", "")), (), {}, (), place)
    _check_keys(case, "the case", entry, _KEYS)
    for key in ("name", "calls", "findings"):
        if key not in entry:
            raise case.error(f"it has no {key}.", "A case has name, calls, findings, and maybe options.")
    calls, findings = (_read_rows(case, key, entry[key]) for key in ("calls", "findings"))
    options = entry.get("options") or {}
    if not isinstance(options, Mapping):
        raise case.error(f"options: {options!r} is no table.", "Such as options: {window: 2h}.")
    _check_options(case, rule, options)
    for number, finding in enumerate(findings, 1):
        _check_keys(case, f"findings, row {number}", finding, (*FINDING_COLUMNS, "evidence"))
    return Case(rule.id, case.name, calls, options, findings, place)


def _read_rows(case: Case, key: str, value: Any) -> tuple[Mapping[str, Any], ...]:
    rows = value or []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise case.error(f"its {key} are no list of rows.", f"Such as {key}: [{{…}}], or {key}: [] for none.")
    return tuple(rows)


def _check_options(case: Case, rule: Rule, options: Mapping[str, Any]) -> None:
    _check_keys(case, "options", options, OPTIONS)
    for key, known in (("parameters", rule.parameters), ("lists", rule.lists)):
        table = options.get(key) or {}
        if not isinstance(table, Mapping):
            raise case.error(f"options: {key} = {table!r} is no table.", f"Such as {key}: {{NAME: value}}.")
        _check_keys(case, f"options, {key}", table, known)


def _check_keys(case: Case, where: str, given: Mapping[str, Any], known: Collection[str]) -> None:
    for key in given:
        if key not in known:
            hint = suggest(str(key), known, f"Known: {', '.join(sorted(known)) or 'none'}.")
            raise case.error(f"{where}: there is no {key!r}.", hint)


def _check_value(case: Case, row: str, name: str, value: Any) -> None:
    problem = next(_find_problems(name, value), None)
    if problem is not None:
        raise case.error(f"{row}: {name} = {value!r} {problem[0]}.", problem[1])


def _find_problems(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a value, and a hint."""
    if name == "at":
        yield from _find_time_problems(value)
        return
    kind = "integer" if name == "count" else "real" if name == "every" else _COLUMNS[name]
    if value is not None and not _fits(kind, value):
        yield f"is not {_WANTED.get(kind, 'a number')}", f"Write {_WANTED.get(kind, 'a number without quotes')}."
    if name == "count" and value < 1:
        yield "is no number of calls", "Write 1 or more."
    if isinstance(value, str) and ("{" in value or "}" in value):
        if not _RANGE.search(value) or re.search(r"[{}]", _RANGE.sub("", value)):
            yield "has no range between its braces", "Write the first and the last number: c{0..49}"
        elif count_range(value) < 1:
            yield "has a range that counts down", "Write the smaller number first: c{0..49}"


def _find_time_problems(value: Any) -> Iterator[tuple[str, str]]:
    hint = "Such as at: '10:00:00', or at: '23 10:00:00' for another day of January 2026; with quotes."
    if isinstance(value, int) and not isinstance(value, bool):  # YAML reads 10:00:00 as a number of seconds
        hint = f"Put the time into quotes: at: '{value // 3600:02}:{value // 60 % 60:02}:{value % 60:02}'"
        yield "is read as a number", hint
    try:
        if not isinstance(read_time(value), datetime) or not isinstance(value, str):
            yield "is no time", hint
    except ValueError:
        yield "is no time of January 2026", hint


def _fits(kind: str, value: Any) -> bool:
    if kind in ("timestamp", "date"):
        return True
    if isinstance(value, bool):
        return kind == "flag"
    return isinstance(value, _FITS.get(kind, (int,)))
