"""Version 1 grades alerts by the published ladder, everything else by expected loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import polars as pl
import pytest

from sentinel_batch.service.published import BY_LOSS, publish_alerts

V1 = "/api/v1/sentinel"
LADDER = {
    # Destinations and seconds, just within each step of the published ladder, and just outside of it.
    "CRITICAL": [(200, 1.5)],
    "HIGH": [(199, 1.5), (200, 1.6), (100, 2.0)],
    "MEDIUM": [(99, 2.0), (100, 2.1), (75, 2.9), (51, 1.0)],
    "LOW": [(74, 1.1), (51, 2.9)],
}


@pytest.fixture(scope="module")
def grades(service: object) -> dict[str, str]:
    """Numbers that the service has alerts of, with what the ladder says of each."""
    start, rows, wanted = datetime(2026, 1, 22, 12, tzinfo=UTC), [], {}
    cases = [(grade, *figures) for grade, steps in LADDER.items() for figures in steps]
    for number, (grade, destinations, average) in enumerate(cases):
        caller = f"+23480399900{number:02}"
        wanted[caller] = grade
        # Whole seconds whose average is exactly the one that is wanted.
        total = round(destinations * average)
        for callee in range(destinations):
            seconds = total // destinations + (callee < total % destinations)
            moment = start + timedelta(seconds=10 * callee)
            rows.append(f"{caller},+23470300{number:02}{callee:03},{moment.isoformat()},{seconds}")
    content = "\n".join(["caller_number,callee_number,call_timestamp,duration_seconds", *rows])
    with service.client() as client:  # type: ignore[attr-defined]
        sent = client.post(f"{V1}/ingest", files={"cdr_file": ("ladder.csv", content.encode(), "text/csv")})
        assert sent.json()["records_inserted"] == len(rows)
        assert client.post(f"{V1}/detect/sdhf", json={}).json()["alerts_generated"] >= len(cases)
    return wanted


def test_alerts_have_the_severity_of_the_ladder(admin: httpx.Client, grades: dict[str, str]) -> None:
    listed = admin.get(f"{V1}/alerts", params={"limit": 1000, "sort": "severity"}).json()["alerts"]
    found = {alert["suspect_number"]: alert["alert_severity"] for alert in listed if alert["suspect_number"] in grades}
    assert found == grades
    ranks = ["CRITICAL", "HIGH", "MEDIUM", "LOW"]
    assert [ranks.index(alert["alert_severity"]) for alert in listed] == sorted(
        ranks.index(alert["alert_severity"]) for alert in listed
    )


@pytest.mark.parametrize("evidence", [None, "{}", '{"severity": {"loss": 1.0}}'])
def test_an_alert_without_a_ladder_has_its_own_severity(evidence: str | None) -> None:
    alert = pl.from_dicts([{"id": 1, "alert_severity": "LOW", "evidence": evidence}])
    assert publish_alerts(alert).select("alert_severity", BY_LOSS).row(0) == ("LOW", "LOW")


def test_severity_filters_what_is_shown(admin: httpx.Client, grades: dict[str, str]) -> None:
    for grade in LADDER:
        listed = admin.get(f"{V1}/alerts", params={"limit": 1000, "severity": grade}).json()["alerts"]
        assert {alert["alert_severity"] for alert in listed} == {grade}
        assert {number for number, own in grades.items() if own == grade} <= {one["suspect_number"] for one in listed}


def test_the_severity_of_everything_else_stands_beside_it(admin: httpx.Client, grades: dict[str, str]) -> None:
    critical = next(number for number, grade in grades.items() if grade == "CRITICAL")
    [other] = admin.get("/api/v2/alerts", params={"suspect": critical}).json()["alerts"]
    changed = admin.patch(f"{V1}/alerts/{other['id']}", json={"reviewed": True}).json()["alert"]
    assert changed["alert_severity"] == "CRITICAL"
    assert changed[BY_LOSS] == other["alert_severity"] != "CRITICAL"
