"""Where in a TOML file something stands."""

from __future__ import annotations

import pytest

from sentinel_batch.rules.toml_lines import find_line

TEXT = '''id = "A"  # level = "no"
text = """
level = "no"
[columns]
"""
words = ["""one
two""", "three"]

[[severity]]
level = "HIGH"

[[severity]]
level = "LOW"

[parameters.window] # the window
default = "24h"
'''


@pytest.mark.parametrize(
    ("table", "key", "number", "line"),
    [
        ("", "id", 0, 1),
        ("", "text", 0, 2),
        ("", "words", 0, 6),
        ("severity", "", 0, 9),
        ("severity", "", 1, 12),
        ("severity", "level", 0, 10),
        ("severity", "level", 1, 13),
        ("parameters.window", "", 0, 15),
        ("parameters.window", "default", 0, 16),
        ("columns", "needed", 0, 1),
        ("", "nothing", 0, 1),
    ],
)
def test_a_key_is_found(table: str, key: str, number: int, line: int) -> None:
    assert find_line(TEXT, table, key, number) == line
