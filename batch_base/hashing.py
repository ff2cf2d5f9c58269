"""Hashes of structured values, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from batch_base.plain import unwrap


def write_canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces; what JSON lacks (dates, decimals) is written as its text.

    Numbers of NumPy are written as numbers.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_express)


def _express(value: Any) -> Any:
    plain = unwrap(value)
    return str(value) if plain is value else plain


def hash_value(value: Any) -> str:
    """Return the SHA-256 (hexadecimal) of the canonical JSON of a value."""
    return hashlib.sha256(write_canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()
