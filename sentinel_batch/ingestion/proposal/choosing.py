"""Which column of a file may feed a field that no name tells: by words of its name, then by what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, permutations

from batch_base.suggestions import find_nearest
from sentinel_batch.ingestion.dialects.catalogue import load_dialect
from sentinel_batch.ingestion.proposal.table import Table
from sentinel_batch.ingestion.values.headers import find_side, fold_header
from sentinel_batch.ingestion.values.words import fold_value, is_not_call, read_outcome

Found = dict[str, tuple[str, str]]
"""Field to the column that may feed it, as it is spelt, and the reason."""

_DEVICE = {"imei", "imsi", "iccid", "account", "customer", "ref", "reference", "id", "cell"}
_END = {"end", "stop", "finish", "release", "disconnect", "hangup", "term", "fin", "fim", "fine", "ende"}
_LENGTH = {
    "dur",
    "duration",
    "duree",
    "duracion",
    "duracao",
    "durata",
    "dauer",
    "length",
    "talk",
    "sec",
    "secs",
    "seconds",
}
_TALK = {"talk", "bill", "billed", "billable", "billing", "rated", "rating", "conversation"}
_NO_LENGTH = {
    "code", "id", "status", "cause", "type", "port", "sip", "reason", "account", "seq", "sequence", "index", "no", "nr",
    "line", "count", "price", "cost", "rate", "amount", "charge", "tag", "version", "flags", "ref", "reference",
    "cell", "lac",
}  # fmt: skip
_MOST = 0.6
_MOST_WORDS = 40
_SLACK_SECONDS = 1
_LEAST_SPAN_SECONDS = 5


def choose_party(field: str, held: Mapping[str, str]) -> Found:
    """Choose the column of a party: one whose name says so, never one whose name says the other party.

    Parameters
    ----------
    field
        ``caller_number`` or ``callee_number``.
    held
        Columns that may be of it, and what they hold.
    """
    side = field.removesuffix("_number")
    likely = [name for name in held if not _DEVICE.intersection(_words(name))]
    sure = [name for name in likely if find_side(name) == side]
    if sure:
        return {field: (sure[0], f"GUESSED, as its name says {side} and it holds {held[sure[0]]}: check it")}
    unsaid = [name for name in likely if find_side(name) is None]
    if not unsaid:
        return {}
    others = " or ".join(unsaid[:3])
    other = f", for no name says whether {others} is the {side}" if len(unsaid) > 1 else ""
    return {field: (unsaid[0], f"GUESSED, as it holds {held[unsaid[0]]}: check it{other}")}


def choose_time(table: Table, held: Mapping[str, str], free: Sequence[str]) -> Found:
    """Choose the column of a call's begin, or two with its date and its time of day."""
    likely = [name for name in held if not _END.intersection(_words(name))] or list(held)
    best = _nearest(likely, "call_timestamp") or next(iter(likely), None)
    if best is not None:
        return {"call_timestamp": (best, f"GUESSED, as it holds {held[best]}: check it")}
    begins = [name for name in free if not _END.intersection(_words(name))]
    date = next((name for name in begins if table.holds_dates(name)), None)
    clock = next((name for name in begins if name != date and table.holds_clocks(name)), None)
    if date is None or clock is None:
        return {}
    return {
        "call_date": (date, "GUESSED, as it holds dates: check it"),
        "call_time": (clock, "GUESSED, as it holds times of day: check it"),
    }


def choose_duration(table: Table, held: Mapping[str, str], free: Sequence[str]) -> Found:
    """Choose the column of the duration; that of a call's end if none seems to hold durations."""
    measured = _find_measured(table, held)
    if measured is not None:
        return {"duration_seconds": (measured, "GUESSED, as it is as long as two times of its row are apart: check it")}
    likely = [n for n in held if not _NO_LENGTH.intersection(_words(n)) and not _counts_rows(table.column(n))]
    named = [name for name in likely if _LENGTH.intersection(_words(name))]
    ends = [name for name in free if _END.intersection(_words(name)) and table.holds_times(name)]
    named.sort(key=lambda name: _TALK.isdisjoint(_words(name)))
    best = next(iter(named), None) or _nearest(likely, "duration_seconds")
    if best is None and ends:
        return {"end_timestamp": (ends[0], "GUESSED, as it holds times and its name says an end: check it")}
    best = best or next(iter(likely), None)
    return {} if best is None else {"duration_seconds": (best, f"GUESSED, as it holds {held[best]}: check it")}


def choose_words(table: Table, free: Sequence[str], fed: Mapping[str, object]) -> Found:
    """Choose columns by their words: how a call ended, which way it went, and what is no call (field ``skip``)."""
    ways, found = load_dialect("generic").directions, Found()
    for name in free:
        words = sorted({fold_value(cell): cell for cell in table.column(name)}.items())
        if not words or len(words) > _MOST_WORDS:
            continue
        texts = [text for _, text in words]
        if any(map(is_not_call, texts)) and "skip" not in found:
            shown = next(filter(is_not_call, texts))
            found["skip"] = (name, f"GUESSED: rows such as {shown!r} are no calls: check it")
        elif all(word in ways for word, _ in words) and "call_direction" not in {*fed, *found}:
            found["call_direction"] = (name, "GUESSED, as it holds words of direction: check it")
        elif _tell_outcomes(texts) and "termination_cause" not in {*fed, *found}:
            found["termination_cause"] = (name, "GUESSED, as it holds words of how a call ended: check it")
    return found


def _tell_outcomes(texts: Sequence[str]) -> bool:
    return sum(read_outcome(text) is not None for text in texts) >= _MOST * len(texts)


def _words(name: str) -> list[str]:
    return fold_header(name).split("_")


def _nearest(columns: Sequence[str], field: str) -> str | None:
    names = load_dialect("generic").fields[field]
    return next((column for column in columns if find_nearest(fold_header(column), names)), None)


def _counts_rows(cells: Sequence[str]) -> bool:
    """Tell whether these are numbers of rows, such as 1, 2, 3."""
    numbers = [int(cell) for cell in cells if cell.isdecimal()]
    return len(numbers) == len(cells) > 1 and all(b - a == 1 for a, b in pairwise(numbers))


def _find_measured(table: Table, held: Mapping[str, str]) -> str | None:
    """Return the column whose values are the seconds between two times of the same row."""
    times = [moments for name in dict.fromkeys(table.names) if (moments := table.read_moments(name)) is not None]
    for first, last in permutations(times[:6], 2):
        spans = [(b - a).total_seconds() if a and b else None for a, b in zip(first, last, strict=True)]
        if not any(span and span > _LEAST_SPAN_SECONDS for span in spans):
            continue
        for name in held:
            lengths = table.read_lengths(name)
            pairs = [(a, b) for a, b in zip(spans, lengths, strict=True) if a is not None and b is not None]
            if pairs and all(abs(a - b) <= _SLACK_SECONDS for a, b in pairs):
                return name
    return None
