"""Detection over a lake: the ladder, the sliding window over midnight, the trailing window, filters and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from detection_lake import make_lake, spread_calls

from sentinel_batch.desk import open_desk
from sentinel_batch.errors import (
    ConfigurationError,
    LakeDamagedError,
    LakeNotFoundError,
    RuleError,
    RuleNotFoundError,
    UsageError,
)
from sentinel_batch.lake import Lake
from sentinel_batch.rules import detect, examine, get_rule, load_rule
from sentinel_batch.schema import FINDING_COLUMNS, polars_schema
from tests.sentinel_batch.rules.own_rules import write_rule

NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)

SEED_QUERY = """
WITH caller_stats AS (
    SELECT
        caller_number,
        COUNT(*) as call_count,
        COUNT(DISTINCT callee_number) as unique_destinations,
        AVG(duration_seconds) as avg_duration
    FROM call_records
    WHERE call_timestamp >= NOW() - INTERVAL '24 hours'
    GROUP BY caller_number
    HAVING
        COUNT(DISTINCT callee_number) > 50
        AND AVG(duration_seconds) < 3
)
SELECT * FROM caller_stats
ORDER BY unique_destinations DESC
"""


def ladder(destinations: int, total: int, calls: int) -> str | None:
    """The specification's ladder, in whole numbers."""
    if not (destinations > 50 and total < 3 * calls):
        return None
    if destinations >= 200 and 2 * total <= 3 * calls:
        return "CRITICAL"
    if destinations >= 100 and total <= 2 * calls:
        return "HIGH"
    if destinations >= 75 or total <= calls:
        return "MEDIUM"
    return "LOW"


def cut_in_the_middle(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"x" * (len(content) // 4) + content[-len(content) // 4 :])


def at_once(caller: str, at: datetime, destinations: int, total: int) -> list[tuple[str, str, datetime, int]]:
    """Calls of one instant, so that there is one window only; their durations add up to the total."""
    return [
        (caller, f"callee {index}", at, total // destinations + (index < total % destinations))
        for index in range(destinations)
    ]


def test_every_severity_is_as_in_the_ladder(tmp_path: Path) -> None:
    calls, expected = [], {}
    edges = (49, 50, 51, 74, 75, 76, 99, 100, 101, 199, 200, 201)
    for destinations, tenths, beyond in product(edges, (10, 15, 20, 30), (-1, 0, 1)):
        total = destinations * tenths // 10 + beyond
        caller = f"{destinations} calls, {total} s, {tenths / 10} {beyond:+}"
        calls += at_once(caller, NOON, destinations, total)
        expected[caller] = ladder(destinations, total, destinations)
    expected = {caller: severity for caller, severity in expected.items() if severity}
    lake = make_lake(tmp_path / "lake", calls)
    for trailing in (False, True):
        found = examine(lake=lake, trailing=trailing).findings
        assert dict(found.select("suspect_number", "alert_severity").iter_rows()) == expected
        graded = detect(lake=lake, trailing=trailing)["evidence"].str.json_path_match("$.severity.rule_grade")
        assert graded.sort().to_list() == sorted(expected.values())
    assert set(expected.values()) == {"LOW", "MEDIUM", "HIGH", "CRITICAL"}


def test_a_sim_box_over_midnight_is_found_by_default_and_missed_by_two_trailing_runs(tmp_path: Path) -> None:
    box = spread_calls("box", NOON, NOON + 24 * HOUR - MICROSECOND, 80, [2] * 80)
    midnight = datetime(2026, 1, 22, tzinfo=UTC)
    lake = make_lake(tmp_path / "lake", [*box, ("clock", "callee", midnight + 48 * HOUR, 60)])
    nights = [midnight, midnight + 24 * HOUR]
    assert [detect(lake=lake, until=night, trailing=True).height for night in nights] == [0, 0]
    found = detect(lake=lake, since=nights[0], until=nights[1])
    assert found["suspect_number"].to_list() == ["box"]
    assert found["unique_destinations"].to_list() == [80]
    assert found["alert_severity"].to_list() == ["MEDIUM"]


def test_trailing_agrees_with_the_specification_s_query(tmp_path: Path) -> None:
    now = NOON + 24 * HOUR
    calls = [("clock", "callee", now, 600)]
    for index in range(60):
        destinations = 40 + index % 25
        total = destinations * 3 - 4 + index % 7
        start = now - 24 * HOUR - MICROSECOND + (index % 3) * MICROSECOND
        calls += at_once(f"edge {index}", start, destinations, total)
        calls += spread_calls(f"day {index}", start - HOUR, now - HOUR, destinations + 3, [index % 5] * 90)
    lake = make_lake(tmp_path / "lake", calls)
    connection = lake.snapshot().connect("call_records")
    seed = connection.sql(SEED_QUERY.replace("NOW()", f"TIMESTAMPTZ '{now.isoformat()}'")).pl()
    found = detect(lake=lake, trailing=True)
    columns = ["suspect_number", "call_count", "unique_destinations", "avg_duration_seconds"]
    assert seed.height > 10
    rounded = [(*row[:3], round(row[3], 9)) for row in seed.rows()]
    assert sorted(found.select(columns).rows()) == sorted(rounded)


def test_the_window_is_open_on_the_left_and_closed_on_the_right(tmp_path: Path) -> None:
    first = at_once("box", NOON, 26, 26)
    calls = [
        *[("early", k, t, d) for _, k, t, d in first],
        *[("early", f"other {k}", NOON + 24 * HOUR - MICROSECOND, 1) for k in range(25)],
        *[("late", k, t, d) for _, k, t, d in first],
        *[("late", f"other {k}", NOON + 24 * HOUR, 1) for k in range(25)],
    ]
    lake = make_lake(tmp_path / "lake", calls)
    found = detect(lake=lake)
    assert found["suspect_number"].to_list() == ["early"]
    assert found["unique_destinations"].to_list() == [51]
    assert found["episode_end"].to_list() == [NOON + 24 * HOUR]


def test_a_state_carried_into_the_period_counts(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake", [*at_once("box", NOON, 60, 60), ("clock", "callee", NOON + 48 * HOUR, 60)])
    carried = examine(lake=lake, since=NOON + HOUR, until=NOON + 48 * HOUR)
    assert carried.findings.select("suspect_number", "window_end", "episode_start", "episode_end").rows() == [
        ("box", NOON + HOUR, NOON - 23 * HOUR, NOON + 24 * HOUR)
    ]
    assert carried.findings["first_seen"].to_list() == carried.findings["last_seen"].to_list() == [NOON]
    assert carried.read_since == NOON - 23 * HOUR
    assert detect(lake=lake, since=NOON + 24 * HOUR, until=NOON + 48 * HOUR).is_empty()


def test_the_default_period_is_one_window_up_to_the_newest_call_to_the_microsecond(tmp_path: Path) -> None:
    newest = NOON + timedelta(microseconds=123_457)
    lake = make_lake(tmp_path / "lake", at_once("box", newest, 60, 60))
    detection = examine(lake=lake)
    assert (detection.since, detection.until) == (newest - 24 * HOUR, newest)
    assert detection.read_since == newest - 48 * HOUR
    assert detection.calls_examined == 60
    assert detection.findings.height == 1


def test_a_lake_without_calls_has_no_findings(tmp_path: Path) -> None:
    detection = examine(lake=Lake.create(tmp_path / "lake"))
    assert detection.findings.is_empty()
    assert detection.findings.schema == polars_schema(FINDING_COLUMNS)
    assert detection.calls_examined == 0
    assert detection.until - detection.since == 24 * HOUR


def test_findings_have_their_columns_and_come_worst_first(tmp_path: Path) -> None:
    calls = [*at_once("low", NOON, 60, 150), *at_once("critical", NOON, 250, 250), *at_once("high", NOON, 120, 240)]
    found = detect(lake=make_lake(tmp_path / "lake", calls))
    assert found.schema == polars_schema(FINDING_COLUMNS)
    assert found["suspect_number"].to_list() == ["critical", "high", "low"]
    row = found.row(1, named=True)
    assert row["evidence_summary"] == (
        "high made 120 calls to 120 unique destinations in 24 h (until 2026-01-21 12:00 UTC), average duration 2.00 s."
    )
    assert (row["detection_rule"], row["alert_type"]) == ("SDHF_001", "SDHF_SIMBOX")
    assert json.loads(row["parameters"]) == {
        "answered_only": False,
        "direction": None,
        "max_avg_duration": 3.0,
        "min_unique_destinations": 50,
        "trailing": False,
        "window": "24h",
    }


def test_confidence_rises_with_the_margin_over_both_thresholds(tmp_path: Path) -> None:
    calls = [
        call
        for destinations, average in product((51, 75, 300), (0, 1, 2))
        for call in at_once(f"{destinations}/{average}", NOON, destinations, destinations * average)
    ]
    found = detect(lake=make_lake(tmp_path / "lake", calls))
    confidence = dict(found.select("suspect_number", "confidence").iter_rows())
    assert confidence["75/1"] == pytest.approx(0.5 * (1 - 50 / 75) + 0.5 * (1 - 1 / 3))
    assert all(0 < value <= 1 for value in confidence.values())
    for destinations in (51, 75, 300):
        assert confidence[f"{destinations}/0"] > confidence[f"{destinations}/1"] > confidence[f"{destinations}/2"]
    for average in (0, 1, 2):
        assert confidence[f"300/{average}"] > confidence[f"75/{average}"] > confidence[f"51/{average}"]


def test_filters_leave_out_other_calls_and_those_of_unknown_value(tmp_path: Path) -> None:
    calls = at_once("box", NOON, 60, 60)
    ways = ["outbound"] * 52 + ["inbound"] * 7 + [None]
    answers = [True] * 51 + [False] * 8 + [None]
    lake = make_lake(tmp_path / "lake", calls, call_direction=ways, answered=answers)
    assert detect(lake=lake)["call_count"].to_list() == [60]
    assert detect(lake=lake, direction="OUTBOUND")["call_count"].to_list() == [52]
    assert detect(lake=lake, answered_only=True)["call_count"].to_list() == [51]
    filtered = examine(lake=lake, direction="inbound")
    assert filtered.calls_examined == 7
    assert filtered.findings.is_empty()


def test_only_the_configured_parameters_are_the_configured_ones(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake", at_once("box", NOON, 60, 60))

    def is_configured(*, settings: dict[str, Any] | None = None, **options: Any) -> bool:
        return examine(lake=open_desk(lake, rules={"SDHF_001": settings or {}}), **options).configured

    assert is_configured()
    assert is_configured(min_unique_destinations=50, window="1440m", since="7d")
    assert is_configured(settings={"min_unique_destinations": 20})
    assert is_configured(settings={"min_unique_destinations": 20}, min_unique_destinations=20)
    assert not is_configured(settings={"min_unique_destinations": 20}, min_unique_destinations=50)
    assert not is_configured(max_avg_duration=2.5)
    assert not is_configured(window="12h")
    assert not is_configured(trailing=True)
    assert not is_configured(direction="outbound")
    assert not is_configured(answered_only=True)


def test_configured_parameters_come_from_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sentinel.toml").write_text("[rules.SDHF_001]\nmin_unique_destinations = 20\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lake = make_lake(tmp_path / "lake", at_once("box", NOON, 30, 30))
    detection = examine(lake=lake)
    assert detection.parameters == {"window": "24h", "min_unique_destinations": 20, "max_avg_duration": 3.0}
    assert detection.configured
    assert detection.findings.height == 1


def test_thresholds_with_decimals_are_exact(tmp_path: Path) -> None:
    calls = [*at_once("at", NOON, 10, 11), *at_once("below", NOON, 10, 10)]  # 1.1 * 10 > 11 in binary fractions
    found = detect(lake=make_lake(tmp_path / "lake", calls), min_unique_destinations=5, max_avg_duration=1.1)
    assert found["suspect_number"].to_list() == ["below"]


def test_detection_never_writes(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake", at_once("box", NOON, 60, 60))
    before = {path: path.stat().st_mtime_ns for path in lake.path.rglob("*") if path.is_file()}
    assert detect(lake=lake).height == 1
    assert {path: path.stat().st_mtime_ns for path in lake.path.rglob("*") if path.is_file()} == before


def test_hostile_numbers_stay_text(tmp_path: Path) -> None:
    name = "'; DROP VIEW call_records; -- <script>$since {0}"
    found = detect(lake=make_lake(tmp_path / "lake ' é", at_once(name, NOON, 60, 60)))
    assert found["suspect_number"].to_list() == [name]


def test_findings_do_not_depend_on_how_nights_are_cut(tmp_path: Path) -> None:
    calls = spread_calls("box", NOON, NOON + 30 * HOUR, 200, [1] * 400)
    lake = make_lake(tmp_path / "lake", [*calls, ("clock", "callee", NOON + 72 * HOUR, 60)])
    whole = detect(lake=lake, since=NOON - HOUR).row(0, named=True)
    cuts = [NOON - HOUR, NOON + 10 * HOUR, NOON + 17 * HOUR, NOON + 40 * HOUR, NOON + 72 * HOUR]
    parts = [row for since, until in pairwise(cuts) for row in detect(lake=lake, since=since, until=until).to_dicts()]
    assert len(parts) == 4
    assert max(part["unique_destinations"] for part in parts) == whole["unique_destinations"]
    assert min(part["episode_start"] for part in parts) == whole["episode_start"]
    assert max(part["episode_end"] for part in parts) == whole["episode_end"]
    for earlier, later in pairwise(parts):
        assert later["episode_start"] <= earlier["episode_end"]


@pytest.mark.parametrize(
    ("options", "error", "message", "hint"),
    [
        ({"min_unique_destinations": 0}, UsageError, "min_unique_destinations = 0", "from 1 to 1000000 (numbers)"),
        ({"min_unique_destinations": 50.5}, UsageError, "= 50.5 in the call of rule SDHF_001", "a whole number"),
        ({"max_avg_duration": 0}, UsageError, "max_avg_duration = 0", "a number from 0.001 to 3600.0 (seconds)"),
        ({"max_avg_duration": float("nan")}, UsageError, "max_avg_duration = nan", "a number from"),
        ({"window": "a day"}, UsageError, 'window = "a day"', "30s, 90m, 24h or 7d, from 1m to 31d"),
        ({"window": "32d"}, UsageError, 'window = "32d"', "from 1m to 31d"),
        ({"direction": "sideways"}, UsageError, "direction = 'sideways'", "inbound, outbound, internal"),
        ({"since": "2026-02-01"}, UsageError, "The period is empty", "earlier than until"),
        ({"since": "soon"}, UsageError, "since = 'soon' is neither", "counted back from until"),
        ({"since": "0001-01-01"}, UsageError, "leaves no room for a window of 24 h", "later since"),
        ({"since": "24h", "trailing": True}, UsageError, "exclude each other", "Leave out since"),
        ({"rule": "SDHF_999"}, RuleNotFoundError, "no rule 'SDHF_999'", "SDHF_001"),
        (
            {"settings": {"min_destinations": 5}},
            ConfigurationError,
            "no parameter 'min_destinations'",
            "'min_unique_destinations'",
        ),
        ({"settings": {"window": 24}}, ConfigurationError, "window = 24 in [rules.SDHF_001]", "24h"),
    ],
)
def test_bad_options_are_named(
    tmp_path: Path, options: dict[str, Any], error: type[UsageError], message: str, hint: str
) -> None:
    lake = make_lake(tmp_path / "lake", at_once("box", NOON, 60, 60))
    with pytest.raises(error) as caught:
        examine(lake=open_desk(lake, rules={"SDHF_001": options.pop("settings", {})}), **options)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_lake_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(LakeNotFoundError, match="There is no lake at"):
        detect(lake=tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no Parquet"), cut_in_the_middle])
def test_a_damaged_file_is_reported(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    calls = [*at_once("box", NOON, 60, 60), ("clock", "callee", NOON + 24 * HOUR, 60)]
    lake = make_lake(tmp_path / "lake", calls)
    for file in (lake.path / "call_records" / "call_date=2026-01-21").glob("*.parquet"):
        damage(file)
    with pytest.raises(LakeDamagedError, match="cannot be read") as caught:
        detect(lake=lake)
    assert "doctor" in caught.value.hint
    with pytest.raises(LakeDamagedError, match="cannot be read"):
        examine(lake=lake, until=NOON)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "4 * max(calls)",
            "4 * max(cals)",
            r"SDHF_001\.sql:11: rule SDHF_001, step busy_callers: .*cals",
        ),
        (
            '{{ sweep("calls") }}',
            '{{ sweep("calls", sums=["cals"]) }}',
            r"SDHF_001\.sql:32: rule SDHF_001, step slide of sweep \(entering\): .*cals",
        ),
        ("{{ findings() }}", "SELECT suspect_number FROM evidence", "the rule returns no column severity, confidence"),
        ("{{ severity() }} AS", "'high' AS", r"SDHF_001\.sql: the rule returns a value of type String as severity"),
        ("{{ severity() }} AS", "7 AS", r"SDHF_001\.sql: the rule returns 7 as severity"),
        ("{{ severity() }} AS", "CAST(NULL AS BIGINT) AS", r"SDHF_001\.sql: the rule returns NULL as severity"),
        ("$min_unique_destinations", "$nothing", r"\$nothing is not declared"),
    ],
)
def test_a_query_that_fails_names_its_step(tmp_path: Path, old: str, new: str, message: str) -> None:
    rule = get_rule("SDHF_001")
    text = rule.path.with_suffix(".sql").read_text(encoding="utf-8")
    assert old in text
    header = rule.path.read_text(encoding="utf-8").replace("trailing = true", "trailing = false")
    broken = load_rule(write_rule(tmp_path / "rules", text.replace(old, new), header, rule_id="SDHF_001"))
    lake = make_lake(tmp_path / "lake", at_once("box", NOON, 60, 60))
    with pytest.raises(RuleError, match=message):
        detect(lake=lake, rule=broken)
    with pytest.raises(UsageError, match="has no trailing query"):
        detect(lake=lake, rule=broken, trailing=True)


def test_pruning_never_hides_a_suspect(tmp_path: Path) -> None:
    """Hardly more short calls than Markov's inequality demands, split over two tiles in every way."""
    calls = []
    for shift in range(0, 25, 2):
        start = datetime(2026, 1, 21, tzinfo=UTC) + shift * HOUR
        seconds = [0, 6] * 26 + [0, 0]
        calls += spread_calls(f"box {shift}", start, start + 23 * HOUR, 54, seconds)
    lake = make_lake(tmp_path / "lake", calls)
    found = detect(lake=lake, since=date_time(20))
    assert found.height == 13


@pytest.mark.parametrize("window", [60, 65, 71])
def test_pruning_counts_no_call_beside_the_window_and_leaves_none_out(tmp_path: Path, window: int) -> None:
    """Three short calls fill a window, alone or between two long ones just outside, at every place of the tiles."""
    second = timedelta(seconds=1)
    short, long = [(1, 1), (window // 2, 1), (window, 1)], [(0, 600), (window + 1, 600)]
    calls = [
        (f"{name} {shift}", f"callee {offset}", NOON + (shift + offset) * second, seconds)
        for shift in range(2 * window)
        for name, pattern in (("alone", short), ("between", [*short, *long]))
        for offset, seconds in pattern
    ]
    lake = make_lake(tmp_path / "lake", calls)
    limits = {"window": window * second, "min_unique_destinations": 2, "max_avg_duration": 2}
    found = detect(lake=lake, since=NOON - HOUR, **limits)
    assert found.height == 4 * window
    assert set(found["call_count"]) == {3}


def date_time(day: int) -> datetime:
    return datetime.combine(date(2026, 1, day), datetime.min.time(), tzinfo=UTC)
