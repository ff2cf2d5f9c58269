"""What a report is about, as far as verdict and context tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from audio_batch.routing.inputs import is_missing
from audio_batch.sar.wording import clean_text, cut_text
from audio_batch.verdict import Verdict
from batch_base.plain import unwrap

_MOST_PHONE_DIGITS = 16


@dataclass(frozen=True)
class MissingField:
    """A field that a filing needs and the draft cannot fill.

    Attributes
    ----------
    document
        ``fincen`` or ``goaml``.
    field
        Path of the element.
    source
        Where it can be given: a key of the configuration, a column of the manifest, or by hand.
    """

    document: str
    field: str
    source: str


@dataclass(frozen=True)
class CallRecord:
    """Facts about the call and the people in it, cleaned; None where they are not known.

    Attributes
    ----------
    file_name
        Name of the recording, without its folder.
    call_date
        Day of the call, from the context's ``call_time``.
    amount, currency
        What was asked for, from ``amount`` and ``currency``.
    caller_number
        Digits of the calling number.
    subject_first_name, subject_last_name
        The suspect, only if the context names one: the customer whose voice was imitated is not the suspect.
    """

    file_name: str
    call_id: str | None
    call_date: date | None
    amount: float | None
    currency: str
    caller_number: str | None
    customer_id: str | None
    customer_name: str | None
    account_number: str | None
    beneficiary: str | None
    destination_country: str | None
    subject_first_name: str | None
    subject_last_name: str | None

    @property
    def is_subject_named(self) -> bool:
        """Tell whether the suspect has a name."""
        return self.subject_last_name is not None or self.subject_first_name is not None

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return {**asdict(self), "call_date": self.call_date.isoformat() if self.call_date else None}


def read_record(verdict: Verdict, context: Mapping[str, Any] | None, *, currency: str) -> CallRecord:
    """Take the facts of a report from the verdict and the context; what cannot be read is not known.

    Parameters
    ----------
    verdict
        Answer of the spoof scorer.
    context
        Columns of the manifest.
    currency
        Currency of amounts, if the context has no ``currency``.
    """
    given = {key: unwrap(value) for key, value in (context or {}).items() if not is_missing(value)}

    def text(name: str, limit: int = 150) -> str | None:
        return cut_text(given[name], limit) or None if name in given else None

    return CallRecord(
        file_name=cut_text(_strip_folders(verdict.path), 150),
        call_id=text("call_id"),
        call_date=_read_date(given.get("call_time", given.get("call_date"))),
        amount=_read_amount(given.get("amount")),
        currency=(text("currency", 3) or currency).upper(),
        caller_number=_read_phone(given.get("caller_number")),
        customer_id=text("customer_id"),
        customer_name=text("customer_name"),
        account_number=text("account_number", 40),
        beneficiary=text("beneficiary_name"),
        destination_country=text("destination_country", 60),
        subject_first_name=text("subject_first_name"),
        subject_last_name=text("subject_last_name") or text("subject_name"),
    )


def _strip_folders(path: str) -> str:
    return PureWindowsPath(PurePosixPath(path).name).name


def _read_date(cell: Any) -> date | None:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date) or cell is None:
        return cell
    try:
        return datetime.fromisoformat(str(cell).strip()).date()
    except ValueError:
        return None


def _read_amount(cell: Any) -> float | None:
    try:
        value = math.nan if cell is None or isinstance(cell, bool) or "_" in str(cell) else float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if 0 <= value < 1e15 else None


def _read_phone(cell: Any) -> str | None:
    digits = "".join(c for c in clean_text(cell) if c in "0123456789") if cell is not None else ""
    return digits if 0 < len(digits) <= _MOST_PHONE_DIGITS else None
