"""Durations, instants and periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel_batch.errors import UsageError
from sentinel_batch.window import (
    Period,
    format_duration,
    parse_duration,
    parse_instant,
    resolve_period,
    spell_duration,
)

NEWEST = datetime(2026, 1, 22, 23, 10, 5, 250_000, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("24h", DAY),
        (" 7d ", 7 * DAY),
        ("90m", timedelta(minutes=90)),
        ("30s", timedelta(seconds=30)),
    ],
)
def test_durations_are_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "0h", "1.5h", "1h30m", "24 h", "24H", "٣h", "9" * 12 + "d"])
def test_other_durations_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text, name="--window")
    assert caught.value.message == f"--window = {text!r} is not a duration."
    assert caught.value.hint == "Give a whole number and a unit: 30s, 90m, 24h or 7d."


@given(st.integers(1, 10**8))
def test_a_duration_survives_writing_and_reading(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "short", "spelt"),
    [
        (DAY, "24h", "24 h"),
        (2 * DAY, "2d", "2 d"),
        (timedelta(minutes=90), "90m", "90 min"),
        (timedelta(seconds=61), "61s", "61 s"),
    ],
)
def test_durations_are_written(duration: timedelta, short: str, spelt: str) -> None:
    assert (format_duration(duration), spell_duration(duration)) == (short, spelt)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-22", datetime(2026, 1, 22, tzinfo=UTC)),
        ("2026-01-22T23:00:00Z", datetime(2026, 1, 22, 23, tzinfo=UTC)),
        ("2026-01-22t23:00:00z", datetime(2026, 1, 22, 23, tzinfo=UTC)),
        ("2026-01-22 23:00", datetime(2026, 1, 22, 23, tzinfo=UTC)),
        ("2026-01-22T23:00:00+01:00", datetime(2026, 1, 22, 22, tzinfo=UTC)),
        ("2026-01-22T23:00:00.123456789Z", datetime(2026, 1, 22, 23, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_instants_are_read_as_utc(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "now", "20260122", "2026-W04", "2026-02-30", "22/01/2026", "2026-01-22T25:00", "0001-01-01T00:00+01:00"],
)
def test_other_instants_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_instant(text, name="--since")
    assert caught.value.message == f"--since = {text!r} is not an instant."
    assert "2026-01-22T23:00:00Z; UTC unless it says otherwise" in caught.value.hint


def test_the_period_ends_at_the_newest_call_and_is_one_window_long() -> None:
    assert resolve_period(None, None, NEWEST, DAY) == Period(NEWEST - DAY, NEWEST)


def test_since_counts_back_from_until_and_until_from_the_newest_call() -> None:
    assert resolve_period("7d", None, NEWEST, DAY) == Period(NEWEST - 7 * DAY, NEWEST)
    assert resolve_period("7d", "24h", NEWEST, DAY) == Period(NEWEST - 8 * DAY, NEWEST - DAY)
    assert resolve_period(7 * DAY, DAY, NEWEST, DAY) == Period(NEWEST - 8 * DAY, NEWEST - DAY)


def test_a_given_until_moves_the_default_since() -> None:
    noon = datetime(2026, 1, 20, 12, tzinfo=UTC)
    assert resolve_period(None, "2026-01-20T12:00:00Z", NEWEST, DAY) == Period(noon - DAY, noon)


def test_datetimes_are_taken_as_they_are_and_naive_ones_are_utc() -> None:
    lagos = timezone(timedelta(hours=1))
    period = resolve_period(datetime(2026, 1, 20), datetime(2026, 1, 21, 1, tzinfo=lagos), NEWEST, DAY)
    assert period == Period(datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 1, 21, tzinfo=UTC))


def test_without_any_call_the_clock_stands_in_for_the_newest() -> None:
    before = datetime.now(UTC)
    period = resolve_period(None, None, None, DAY)
    assert before <= period.until <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("since", "until", "message", "hint"),
    [
        ("2026-01-23", None, "2026-01-22T23:10:05.250000+00:00 (the newest call)", "earlier than until"),
        ("2026-01-21", "2026-01-21", "The period is empty", "earlier than until"),
        ("lately", None, "since = 'lately' is neither an instant nor a duration.", "counted back from until, a whole"),
        (None, "lately", "until = 'lately' is neither an instant nor a duration.", "from the newest call, a whole"),
        ("2026-13-01", None, "since = '2026-13-01' is not an instant.", "a date (2026-01-22)"),
        ("999999d", None, "since: 999999d before until", "shorter"),
    ],
)
def test_bad_periods_are_explained(since: str | None, until: str | None, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_period(since, until, NEWEST, DAY)
    assert message in caught.value.message
    assert hint in caught.value.hint
