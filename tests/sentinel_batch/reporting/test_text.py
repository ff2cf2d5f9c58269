"""Text, numbers and times as a reader expects them."""

from __future__ import annotations

import pytest

from sentinel_batch.reporting.text import WHOLE_LENGTH, clip, localise, tell, tell_number, tell_time, visible

LAGOS = "Africa/Lagos"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3004.316667, "3,004.32"), (3004.0, "3,004"), (12, "12"), (1_234_567, "1,234,567"), (0.5, "0.50"),
        (0.012345, "0.012"), (0.0, "0"), (-2.5, "-2.50"), (None, "–"),
    ],
)  # fmt: skip
def test_numbers_have_separators_and_no_needless_decimals(value: float | None, said: str) -> None:
    assert tell_number(value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("24 h (until 2026-01-22 23:30 UTC), and", "24 h (until 2026-01-23 00:30), and"),
        ("at 2026-01-22 23:30:15 UTC", "at 2026-01-23 00:30:15"),
        ("2026-01-22T23:30:15.123456Z", "2026-01-23 00:30:15"),
        ("2026-01-22T23:30:15+00:00", "2026-01-23 00:30:15"),
        ("2026-01-22 23:30 by the clock of the switch", "2026-01-22 23:30 by the clock of the switch"),
        ("9999-99-99 99:99 UTC", "9999-99-99T99:99:00+00:00"),
    ],
)
def test_times_of_a_sentence_become_local(text: str, said: str) -> None:
    assert localise(text, LAGOS) == said


def test_a_sentence_is_whole_and_an_endless_one_says_that_it_is_cut() -> None:
    sentence = "numbers that +234803 had rung and cut called it back; " * 15
    assert tell(sentence, LAGOS) == sentence
    told = tell("x" * 5000, LAGOS)
    assert told.startswith("x" * WHOLE_LENGTH) and told.endswith("(cut here; whole in report.json)")
    assert tell("\u202egnp", LAGOS) == "\\u202egnp"


def test_hidden_characters_become_visible_and_nothing_else_changes() -> None:
    kept = "Größe – 10 €\u00a0… 日本"
    assert visible(kept) == kept
    assert visible("a\u200bb\x00c\u2028\ufeff\ue000") == "a\\u200bb\\u0000c\\u2028\\ufeff\\ue000"


def test_names_are_clipped_in_the_middle() -> None:
    assert clip("abcdefghij", 7) == "abcd…ij"


def test_what_is_no_time_is_told_as_it_is() -> None:
    assert tell_time("soon", LAGOS, "%H:%M") == "soon"
    assert tell_time(None, LAGOS, "%H:%M") == "–"
