"""Rule cases as data: rows in, findings out (``tests/rules/*.toml``)."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from detection_lake import make_lake

from sentinel_batch.rules import detect

TIME = re.compile(r"(?:(\d\d?) )?(\d\d):(\d\d):(\d\d)")


def read_cases() -> list[Any]:
    found = []
    for path in sorted((Path(__file__).parent / "rules").glob("*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
            found.append(pytest.param(path.stem.upper(), case, id=f"{path.stem}: {case['name']}"))
    return found


def read_time(value: Any) -> Any:
    match = TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    day, hour, minute, second = (int(part or 22) for part in match.groups())
    return datetime(2026, 1, day, hour, minute, second, tzinfo=UTC)


def unfold(
    caller: str, first: int, callees: int, repeats: int, start: str, gap: int, duration: int
) -> list[tuple[str, str, datetime, int]]:
    return [
        (caller, f"callee {first + index % callees}", read_time(start) + index * timedelta(seconds=gap), duration)
        for index in range(callees * repeats)
    ]


@pytest.mark.parametrize(("rule", "case"), read_cases())
def test_case(rule: str, case: dict[str, Any], tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake", [call for row in case["calls"] for call in unfold(*row)])
    options = {name: read_time(value) for name, value in case.get("options", {}).items()}
    found = detect(lake=lake, rule=rule, overrides={}, **options).to_dicts()
    expected = [{name: read_time(value) for name, value in finding.items()} for finding in case["findings"]]
    assert [{k: row[k] for k in want} for row, want in zip(found, expected, strict=False)] == expected
    assert len(found) == len(expected)
