"""Suppression: the lake's list, the user's file, and what they do to findings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from alert_samples import SUSPECT, call, finding, frame, make_lake

from sentinel_batch.alerts import get_alert, list_alerts, list_suppressions, record_alerts, suppress, unsuppress
from sentinel_batch.alerts.coverage import Coverage
from sentinel_batch.alerts.suppression import (
    Suppression,
    check_pattern,
    enter_suppression,
    parse_until,
    read_suppressions,
    suppression_finder,
)
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import SuppressionError
from sentinel_batch.lake import Lake
from sentinel_batch.profiles import build_profiles
from sentinel_batch.schema import SUPPRESSIONS, polars_schema
from sentinel_batch.window import now


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def test_suppressed_finding_is_kept_counted_and_shown(lake: Lake) -> None:
    suppress("+234803*", reason="bulk SMS partner", by="ada", lake=lake)
    changes = record_alerts(frame(finding(), finding(suspect="+9")), lake=lake)
    assert changes.created == [2]
    assert changes.suppressed == [
        {
            "suspect_number": SUSPECT,
            "pattern": "+234803*",
            "reason": "bulk SMS partner",
            "alert_id": 1,
            "alert_severity": "LOW",
        }
    ]
    assert list_alerts(lake=lake)["id"].to_list() == [2]
    assert "bulk SMS partner" in get_alert(1, lake=lake)["events"][0]["note"]
    unsuppress("+234803*", lake=lake)
    assert record_alerts(frame(finding()), lake=lake).reopened == [1]
    assert list_alerts(lake=lake)["id"].to_list() == [1, 2]


def test_expired_entry_stops_by_itself(lake: Lake, tmp_path: Path) -> None:
    row = {"pattern": SUSPECT, "reason": "r", "until": now() - timedelta(seconds=1), "created_at": now()}
    lake.append("suppressions", pl.DataFrame([row | {"created_by": "a"}], schema=polars_schema(SUPPRESSIONS.columns)))
    file = tmp_path / "suppressions.csv"
    file.write_text("number,reason,until\n+11,old,2020-01-31\n+22,new,2999-01-31\n", encoding="utf-8")
    desk = open_desk(lake, suppressions_file=file)
    changes = record_alerts(frame(finding(), finding(suspect="+11"), finding(suspect="+22")), lake=desk)
    assert [entry["suspect_number"] for entry in changes.suppressed] == ["+22"]
    listed = list_suppressions(lake=desk)
    assert dict(listed.select("pattern", "active").iter_rows()) == {"+11": False, "+22": True, SUSPECT: False}
    assert list_suppressions(lake=desk, active=True)["source"].to_list() == [f"{file}:3"]


def test_second_entry_of_a_pattern_replaces_the_first(lake: Lake) -> None:
    suppress("+1 555-010 (0)", reason="a", lake=lake)
    suppress("+15550100", reason="b", until=date(2999, 12, 31), lake=lake)
    (row,) = list_suppressions(lake=lake).to_dicts()
    assert (row["pattern"], row["reason"], row["until"]) == ("+15550100", "b", datetime(3000, 1, 1, tzinfo=UTC))
    assert lake.snapshot().read("runs")["command"].to_list() == ["suppress", "suppress"]


def test_most_specific_entry_is_named() -> None:
    entries = [Suppression("+234*", "country"), Suppression("+234803*", "prefix"), Suppression("+2348031", "number")]
    find = suppression_finder(entries, now())
    assert [getattr(find(n), "reason", None) for n in ("+2348031", "+2348032", "+2349", "+233")] == [
        "number",
        "prefix",
        "country",
        None,
    ]


def test_end_is_exclusive_and_a_date_counts_to_its_last_moment() -> None:
    assert parse_until("2026-12-31") == datetime(2027, 1, 1, tzinfo=UTC)
    assert parse_until("2026-12-31T18:00:00+01:00") == datetime(2026, 12, 31, 17, tzinfo=UTC)
    assert parse_until("2026-12-31T18:00:00Z") == datetime(2026, 12, 31, 18, tzinfo=UTC)
    assert parse_until("") is parse_until(None) is None
    end = datetime(2027, 1, 1, tzinfo=UTC)
    assert Suppression("+1", "r", end).is_active(end - timedelta(microseconds=1))
    assert not Suppression("+1", "r", end).is_active(end)


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "2026-12-31T18:00:00", "31/12/2026", "9999-12-31"])
def test_unusable_end_says_what_is_allowed(lake: Lake, text: str) -> None:
    with pytest.raises(SuppressionError, match="Allowed: a date such as 2026-12-31"):
        suppress("+15550100", reason="r", until=text, lake=lake)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("+234 803 123", "+234803123"),
        ("00234803*", "+234803*"),
        ("0803 123 4567", "+2348031234567"),
        ("2348031234567", "+2348031234567"),
        ("447911123456", "+447911123456"),
        ("8031234567.0", "+2348031234567"),
        ("'+234803", "+234803"),
        ("113", "113"),
        ("ACME", "ACME"),
    ],
)
def test_decoration_of_numbers_is_removed(text: str, pattern: str) -> None:
    assert check_pattern(text, "NG") == pattern


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "Allowed: a number"),
        ("*", "Allowed: a number"),
        ("+2*", "Allowed: a number"),
        ("+234*803*", "Allowed: a number"),
        ("+234;803", "Allowed: a number"),
        ("\u202a+234803", "Allowed: a number"),
        ("2.34803E+12", "spreadsheet has rounded"),
        ("0700123456", "country code"),
        ("0803*", "country code"),
    ],
)
def test_unusable_pattern_says_why(text: str, hint: str) -> None:
    with pytest.raises(SuppressionError, match=hint) as caught:
        check_pattern(text, "NG")
    assert repr(text) in caught.value.message


def test_reason_and_future_are_required(lake: Lake) -> None:
    with pytest.raises(SuppressionError, match="reason of a suppression is empty"):
        suppress("+15550100", reason="  ", lake=lake)
    with pytest.raises(SuppressionError, match="would have ended already"):
        suppress("+15550100", reason="r", until="2020-01-01", lake=lake)
    assert list_suppressions(lake=lake).is_empty()


def test_unknown_pattern_cannot_be_removed(lake: Lake) -> None:
    suppress("+15550100", reason="r", lake=lake)
    with pytest.raises(SuppressionError, match=r"does not hold \+15550199. It holds: \+15550100"):
        unsuppress("+15550199", lake=lake)


def test_file_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    file = tmp_path / "suppressions.csv"
    file.write_bytes('\ufeffNumber;Until;Reason\r\n# comment\r\n\r\n+234803*;;"a;b"\r\n+1555;2999-01-01;c\r\n'.encode())
    assert read_suppressions(file, "NG") == [
        Suppression("+234803*", "a;b", None, f"{file}:4"),
        Suppression("+1555", "c", datetime(2999, 1, 2, tzinfo=UTC), f"{file}:5"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("number,reason,until\n+1555,ok,\n+15x!,r,\n", r"suppressions\.csv:3: '\+15x!' cannot be suppressed"),
        ("number,reason,until\n+1555,,\n", r"suppressions\.csv:2: The reason of a suppression is empty"),
        ("number,reason,until\n+1555\n", r"suppressions\.csv:2: The reason of a suppression is empty"),
        ("number,reason,until\n+1555,r,never\n", r"suppressions\.csv:2: 'never' is not the end"),
        ("number,reason,until\n+1555,a,b,c\n", r"suppressions\.csv:2: 4 cells under 3 columns"),
        (
            "phone,why\n+1555,r\n",
            r"suppressions\.csv:1: the columns are phone, why.\nHint: Allowed: number,reason,until",
        ),
    ],
)
def test_bad_line_of_a_file_is_named_and_nothing_is_recorded(
    lake: Lake, tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "suppressions.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SuppressionError, match=message):
        record_alerts(frame(finding()), lake=open_desk(lake, suppressions_file=file))
    assert lake.snapshot().read("fraud_alerts").is_empty()


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SuppressionError, match="cannot be read: No such file"):
        read_suppressions(tmp_path / "none.csv", "NG")
    (tmp_path / "latin.csv").write_bytes(b"number,reason\n+1555,caf\xe9\n")
    with pytest.raises(SuppressionError, match="not UTF-8"):
        read_suppressions(tmp_path / "latin.csv", "NG")
    (tmp_path / "empty.csv").write_bytes(b"")
    assert read_suppressions(tmp_path / "empty.csv", "NG") == []


def test_a_name_is_suppressed_only_if_somebody_calls_under_it(lake: Lake) -> None:
    with pytest.raises(SuppressionError, match="'bob' is no number, and nobody in the lake calls under that name"):
        suppress("bob", reason="a slip", lake=lake)
    record_alerts(frame(finding(suspect="MTN-INFO")), lake=lake)
    assert suppress("MTN-INFO", reason="the operator", lake=lake)["pattern"].to_list() == ["MTN-INFO"]
    for number in ("0803 123 4567", "234803123456*", "+2348031234567"):
        suppress(number, reason="a number", lake=lake)


def test_the_beginning_of_a_number_is_no_number(lake: Lake) -> None:
    with pytest.raises(SuppressionError, match="'0705' is too short for a number") as caught:
        suppress("0705", reason="a slip", lake=lake)
    assert "alerts suppress '+234705*'" in caught.value.hint
    assert list_suppressions(lake=lake).is_empty()
    record_alerts(frame(finding(suspect="0705")), lake=lake)
    assert suppress("0705", reason="an extension", lake=lake)["pattern"].to_list() == ["0705"]
    assert suppress("113", reason="a service", lake=lake)["pattern"].to_list() == ["113"]


def test_an_entry_tells_what_it_replaces_and_whom_it_covers(tmp_path: Path) -> None:
    callers = ["+2348031230001", "+2348031230001", "+2349051230001", "+447911123456"]
    lake = make_lake(tmp_path, [call(n, "+2348050000001", caller=caller) for n, caller in enumerate(callers)])
    first = enter_suppression("+234*", reason="a", until="2999-12-31", by="ada", lake=lake)
    assert (first.replaced, first.covered) == (None, Coverage(2, 3))
    second = enter_suppression("+234*", reason="b", until=None, by="bob", lake=lake)
    assert second.replaced is not None
    assert (second.replaced.reason, second.replaced.created_by) == ("a", "ada")
    assert second.rows["reason"].to_list() == ["b"]


def test_who_has_called_but_has_no_profile_yet_is_no_stranger(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [call(1, "+2348050000001")])
    build_profiles(lake=lake)
    lake = make_lake(tmp_path, [call(2, "+2348050000001", caller="NEWBANK")])
    assert suppress("NEWBANK", reason="a bank", lake=lake)["pattern"].to_list() == ["NEWBANK"]
