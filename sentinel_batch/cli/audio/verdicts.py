"""Verdicts that an earlier ``audio score --json`` printed, read back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from audio_batch.verdict import Label, Reason, SegmentScore, Splice, Verdict
from sentinel_batch.errors import UsageError

VerdictFile = Annotated[
    Path | None,
    typer.Option("--verdict", metavar="FILE", help="Take the verdict that audio score --json printed; - for stdin."),
]

_MAX_BYTES = 64 << 20
Check = tuple[str, Callable[[Any], bool]]


def read_verdict(file: Path) -> Verdict:
    """Read the verdict on one recording.

    Parameters
    ----------
    file
        What ``audio score --json`` printed on one recording, or the ``verdict.json`` of a report draft.

    Raises
    ------
    UsageError
        The file cannot be read, or holds no verdict, or several.
    """
    document = _read_document(file)
    found = document.get("recordings", [document])
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        count = len(found) if isinstance(found, list) else 0
        raise _refuse(file, f"holds {count} verdicts, not one", "Score the one recording: audio score PATH --json.")
    return _build(found[0], file)


def _read_document(file: Path) -> dict[str, Any]:
    try:
        text = _read_text(file)
        document = json.loads(text)
    except OSError as error:
        raise _refuse(file, f"cannot be read: {error.strerror or error}", "Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise _refuse(file, f"is not JSON: {error}", "Give what audio score --json printed.") from error
    if not isinstance(document, dict):
        raise _refuse(file, "is not a JSON object", "Give what audio score --json printed.")
    return document


def _read_text(file: Path) -> str:
    if str(file) == "-":
        return typer.get_text_stream("stdin").read(_MAX_BYTES)
    with file.open("rb") as opened:
        return opened.read(_MAX_BYTES).decode("utf-8")


def _build(entry: Mapping[str, Any], file: Path) -> Verdict:
    if entry.get("error") is not None:
        raise _refuse(file, "holds an error, not a verdict", "Score a recording that can be decoded.")
    facts = _check(entry, _VERDICT, file, "")
    segments = [SegmentScore(**_check(one, _SEGMENT, file, "segments.")) for one in _objects(entry, "segments", file)]
    reasons = [Reason(**_check(one, _REASON, file, "reasons.")) for one in _objects(entry, "reasons", file)]
    splices = [Splice(**_check(one, _SPLICE, file, "splices.")) for one in _objects(entry, "splices", file)]
    notices = tuple(str(notice) for notice in entry.get("notices") or ())
    facts |= {"notices": notices, "model_sha256": str(entry.get("model_sha256") or "")}
    return Verdict(**facts, segments=tuple(segments), reasons=tuple(reasons), splices=tuple(splices))


def _objects(entry: Mapping[str, Any], name: str, file: Path) -> list[dict[str, Any]]:
    items = entry.get(name) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _refuse(file, f"has {name} that are not a list of objects", "Give what audio score --json printed.")
    return items


def _check(entry: Mapping[str, Any], fields: Mapping[str, Check], file: Path, place: str) -> dict[str, Any]:
    for name, (allowed, holds) in fields.items():
        if not holds(entry.get(name)):
            raise _refuse(
                file,
                f"has {place}{name} = {entry.get(name)!r}; expected {allowed}",
                "Give what audio score --json printed.",
            )
    return {name: entry.get(name) for name in fields}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_label(value: Any) -> bool:
    return value in get_args(Label)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _or_null(check: Check) -> Check:
    allowed, holds = check
    return f"{allowed}, or null", lambda value: value is None or holds(value)


_TEXT: Check = ("a text", _is_text)
_NUMBER: Check = ("a number", _is_number)
_SHARE: Check = ("a number from 0 to 1", _is_share)
_VERDICT: dict[str, Check] = {
    "path": _TEXT,
    "sha256": _TEXT,
    "score": _or_null(_SHARE),
    "label": ("likely_real, uncertain or likely_synthetic", _is_label),
    "confidence": _SHARE,
    "latency_ms": _NUMBER,
    "session_id": _TEXT,
    "model_version": _TEXT,
    "duration": _NUMBER,
    "speech_seconds": _NUMBER,
    "channel_class": _TEXT,
    "abstention": _or_null(_TEXT),
}
_SPLICE: dict[str, Check] = {
    "channel": ("a count", _is_count),
    "role": _or_null(_TEXT),
    "start": _NUMBER,
    "end": _NUMBER,
    "strength": _NUMBER,
    "why": _TEXT,
}
_SEGMENT: dict[str, Check] = {
    "channel": ("a count", _is_count),
    "role": _or_null(_TEXT),
    "start": _NUMBER,
    "end": _NUMBER,
    "speech_seconds": _NUMBER,
    "score": _SHARE,
}
_REASON: dict[str, Check] = {
    "feature": _TEXT,
    "value": _or_null(_NUMBER),
    "human_low": _or_null(_NUMBER),
    "human_high": _or_null(_NUMBER),
    "contribution": _NUMBER,
    "text": _TEXT,
}


def _refuse(file: Path, problem: str, hint: str) -> UsageError:
    return UsageError(f"The verdict {str(file)!r} {problem}.", hint=hint, file=str(file))
