"""What one edition of libphonenumber's metadata says, as plain data: ``python -m research.numbers.editions``.

A process can import one edition of ``phonenumbers`` only, so older ones are asked in processes of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
"""Plain data of one edition."""

KINDS = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    "mobile",
)
"""Kinds of numbers that make a number valid (``_number_type_helper`` of the library)."""


def read_edition() -> Facts:
    """Return the metadata of the edition that can be imported here.

    Returns
    -------
    dict
        ``edition``; ``codes``: country code to the names of its regions, the main one first; ``regions``: name to
        patterns. Regions of country codes that belong to no country are named after the code, such as ``001-870``.
    """
    import phonenumbers
    from phonenumbers import PhoneMetadata

    codes: dict[str, list[str]] = {}
    regions: Facts = {}
    for code, names in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        world = names == ("001",)
        codes[str(code)] = [f"001-{code}"] if world else list(names)
        for name, key in zip(names, codes[str(code)], strict=True):
            metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, name)
            if metadata is not None:
                regions[key] = _describe(metadata)
    return {"edition": phonenumbers.__version__, "codes": codes, "regions": regions}


def ask_edition(folder: Path) -> Facts:
    """Return the metadata of the edition that is installed in a folder (``pip install --target``)."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[2])])}
    done = subprocess.run(
        [sys.executable, "-m", "research.numbers.editions"], env=environment, capture_output=True, text=True, check=True
    )
    facts: Facts = json.loads(done.stdout)
    return facts


def _describe(metadata: Any) -> Facts:
    kinds = [kind for kind in KINDS if not (kind == "mobile" and metadata.same_mobile_and_fixed_line_pattern)]
    found = {kind: described for kind in kinds if (described := _pattern(getattr(metadata, kind))) is not None}
    general = metadata.general_desc
    return {
        "code": metadata.country_code,
        "exit": metadata.international_prefix,
        "prefix": metadata.national_prefix_for_parsing,
        "rule": metadata.national_prefix_transform_rule,
        "leading": metadata.leading_digits,
        "general": _pattern(general),
        "lengths": list(general.possible_length),
        "local_lengths": list(general.possible_length_local_only),
        "usual_lengths": _usual_lengths(metadata),
        "mobile_lengths": _lengths(metadata.mobile),
        "kinds": found,
    }


def _usual_lengths(metadata: Any) -> list[int]:
    return sorted({*_lengths(metadata.fixed_line), *_lengths(metadata.mobile)})


def _lengths(description: Any) -> list[int]:
    return [length for length in description.possible_length if length > 0] if description is not None else []


def _pattern(description: Any) -> list[Any] | None:
    if description is None or not description.national_number_pattern:
        return None
    return [description.national_number_pattern, list(description.possible_length)]


if __name__ == "__main__":
    print(json.dumps(read_edition()))
