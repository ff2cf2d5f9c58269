"""The published endpoints: keys and values as written, in their order; ours come after them."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest
from running_service import V1, RunningService

import sentinel_batch as sb
from sentinel_batch import MockCDRGenerator

INGEST = ["status", "records_processed", "records_inserted", "duplicates_skipped", "processing_time_seconds"]
DETECT = ["status", "alerts_generated", "alert_ids", "suspects"]
ALERT = [
    "id", "alert_type", "suspect_number", "alert_severity", "evidence_summary", "call_count", "unique_destinations",
    "avg_duration_seconds", "detection_rule", "created_at", "reviewed",
]  # fmt: skip
EVENT = {
    "caller_number": "+2348012345678",
    "callee_number": "+2349087654321",
    "duration_seconds": 2,
    "call_direction": "outbound",
    "timestamp": "2026-01-22T14:32:15Z",
}


def _send(client: httpx.Client, name: str, content: bytes, **fields: str) -> httpx.Response:
    return client.post(f"{V1}/ingest", files={"cdr_file": (name, content, "text/csv")}, data=fields)


@pytest.fixture(scope="module")
def more_calls(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[str]]:
    file = tmp_path_factory.mktemp("more") / "more.csv"
    numbers = MockCDRGenerator(seed=99).save_to_file(
        file, total_records=900, simbox_callers=1, simbox_calls_per_caller=90
    )
    return file.read_bytes(), numbers


def test_upload_detect_list_review(
    service: RunningService, admin: httpx.Client, more_calls: tuple[bytes, list[str]]
) -> None:
    content, [simbox] = more_calls
    sent = _send(admin, "sample_cdr.csv", content)
    assert sent.status_code == 200
    taken = sent.json()
    assert list(taken)[:5] == INGEST
    assert (taken["status"], taken["records_processed"], taken["records_inserted"]) == ("success", 900, 900)
    again = _send(admin, "renamed.csv", content).json()
    assert (again["status"], again["records_inserted"], again["duplicates_skipped"]) == ("success", 0, 900)

    found = admin.post(
        f"{V1}/detect/sdhf",
        json={"time_window_hours": 24, "min_unique_destinations": 50, "max_avg_duration_seconds": 3.0},
    ).json()
    assert list(found)[:4] == DETECT
    assert found["alerts_generated"] == len(found["alert_ids"]) == 1
    assert simbox in found["suspects"] and found["until"].endswith("Z")
    repeated = admin.post(f"{V1}/detect/sdhf", json={}).json()
    assert repeated["alerts_generated"] == 0 and repeated["suspects"] == found["suspects"]
    assert admin.post(f"{V1}/detect/sdhf").json()["suspects"] == found["suspects"]

    [alert_id] = found["alert_ids"]
    listed = admin.get(f"{V1}/alerts").json()
    assert list(listed)[:3] == ["status", "count", "alerts"] and listed["count"] == len(listed["alerts"]) == 3
    newest = listed["alerts"][0]
    assert newest["id"] == alert_id and list(newest)[:11] == ALERT and newest["reviewed"] is False
    # The command line sees the same.
    assert sb.get_alert(alert_id, lake=service.lake)["suspect_number"] == newest["suspect_number"] == simbox

    note = {"reviewed": True, "reviewer_notes": "Confirmed SIM Box - escalated to security team"}
    reviewed = admin.patch(f"{V1}/alerts/{alert_id}", json=note).json()
    assert list(reviewed) == ["status", "alert"] and reviewed["alert"]["reviewed"] is True
    assert admin.get(f"{V1}/alerts", params={"reviewed": "true"}).json()["count"] == 1
    [*_, last] = sb.get_alert(alert_id, lake=service.lake)["events"]
    assert last["actor"] == "admin"


def test_alerts_filter_limit_and_sort(admin: httpx.Client) -> None:
    listed = admin.get(f"{V1}/alerts", params={"limit": 1}).json()
    assert listed["count"] == 1 and listed["total"] >= 2
    severity = listed["alerts"][0]["alert_severity"]
    found = admin.get(f"{V1}/alerts", params={"severity": severity.lower()}).json()["alerts"]
    assert found and {alert["alert_severity"] for alert in found} == {severity}
    ids = [alert["id"] for alert in admin.get(f"{V1}/alerts", params={"sort": "severity"}).json()["alerts"]]
    assert sorted(ids) == sorted(alert["id"] for alert in admin.get(f"{V1}/alerts").json()["alerts"])


def test_review_is_taken_back_and_notes_are_kept_until_erased(service: RunningService, admin: httpx.Client) -> None:
    def patch(**body: object) -> dict[str, object]:
        return dict(admin.patch(f"{V1}/alerts/1", json=body).json()["alert"])

    patch(reviewed=True, reviewer_notes="first")
    assert patch(reviewed=True)["reviewer_notes"] == "first"
    back = patch(reviewed=False)
    assert (back["reviewed"], back["status"], back["reviewer_notes"]) == (False, "open", "first")
    assert patch(reviewed=False)["reviewed"] is False
    assert patch(reviewer_notes="only notes") == back | {"reviewer_notes": "only notes"} | {
        "updated_at": patch(reviewer_notes="only notes")["updated_at"]
    }
    assert patch(reviewer_notes=None)["reviewer_notes"] is None
    events = [event["event"] for event in sb.get_alert(1, lake=service.lake)["events"]]
    assert {"reviewed", "review undone", "noted"} <= set(events)


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"time_window_hours": 0}, "time_window_hours"),
        ({"time_window_hours": 169}, "time_window_hours"),
        ({"min_unique_destinations": 0}, "min_unique_destinations"),
        ({"max_avg_duration_seconds": -0.1}, "max_avg_duration_seconds"),
        ({"max_avg_duration_seconds": "short"}, "max_avg_duration_seconds"),
    ],
)
def test_detection_bounds(admin: httpx.Client, body: dict[str, object], loc: str) -> None:
    refused = admin.post(f"{V1}/detect/sdhf", json=body)
    assert refused.status_code == 422
    [detail] = refused.json()["detail"]
    assert detail["loc"] == ["body", loc] and {"msg", "type"} <= set(detail)


def test_an_average_below_zero_is_nobodys(admin: httpx.Client) -> None:
    found = admin.post(f"{V1}/detect/sdhf", json={"max_avg_duration_seconds": 0}).json()
    assert (found["alerts_generated"], found["suspects"]) == (0, [])


def test_detection_of_another_period(admin: httpx.Client) -> None:
    found = admin.post(f"{V1}/detect/sdhf", json={"until": "2020-01-01T00:00:00Z"}).json()
    assert found["suspects"] == [] and found["until"] == "2020-01-01T00:00:00Z"
    refused = admin.post(f"{V1}/detect/sdhf", json={"until": "yesterday"})
    assert refused.status_code == 422 and "yesterday" in refused.json()["detail"][0]["msg"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "severity=BAD", "reviewed=perhaps", "sort=id"])
def test_alert_filters_are_checked(admin: httpx.Client, query: str) -> None:
    refused = admin.get(f"{V1}/alerts?{query}")
    assert refused.status_code == 422 and refused.json()["detail"][0]["loc"][0] == "query"


def test_unknown_alert(admin: httpx.Client) -> None:
    refused = admin.patch(f"{V1}/alerts/999", json={"reviewed": True})
    assert refused.status_code == 404 and "999" in refused.json()["detail"]
    assert admin.patch(f"{V1}/alerts/1", json={}).status_code == 422


def test_health_needs_no_key(service: RunningService) -> None:
    with service.client(None) as anybody:
        health = anybody.get(f"{V1}/health").json()
        assert list(health) == ["status", "service", "version"] and health["status"] == "healthy"
        assert anybody.get("/readyz").json()["status"] == "ready"


def test_file_without_the_columns_is_refused(admin: httpx.Client) -> None:
    refused = _send(admin, "other.csv", b"name,colour\nada,blue\n")
    assert refused.status_code == 422
    [detail] = refused.json()["detail"]
    assert detail["loc"] == ["body", "cdr_file"] and detail["msg"].startswith("other.csv")


def test_other_endings_and_compressed_files_are_taken(admin: httpx.Client, more_calls: tuple[bytes, list[str]]) -> None:
    _send(admin, "X.CSV", more_calls[0])
    packed = _send(admin, "X.CSV.gz", gzip.compress(more_calls[0]))
    assert (packed.status_code, packed.json()["duplicates_skipped"]) == (200, 900)


def test_options_of_an_upload(admin: httpx.Client) -> None:
    head = "call_date,call_time,caller_number,callee_number,duration_seconds\n"
    content = (head + "2026-01-20,12:00:00,08031112222,08033334444,30\n").encode()
    taken = _send(admin, "nairobi.csv", content, timezone="Africa/Nairobi").json()
    assert taken["files"][0]["first_call"] == "2026-01-20T09:00:00+00:00"
    refused = _send(admin, "x.csv", content, dialect="/etc/passwd")
    assert refused.status_code == 422 and refused.json()["detail"][0]["loc"] == ["body", "dialect"]


def test_event(admin: httpx.Client) -> None:
    accepted = admin.post(f"{V1}/events/call", json=EVENT)
    assert accepted.status_code == 200
    body = accepted.json()
    assert list(body)[:3] == ["status", "event_id", "risk_score"]
    assert body["status"] == "accepted" and body["event_id"].startswith("evt_") and 0 <= body["risk_score"] <= 1
    again = admin.post(f"{V1}/events/call", json=EVENT).json()
    assert again["event_id"] == body["event_id"] and again["repeated"] and again["call_count"] == body["call_count"]
    later = EVENT | {"timestamp": "2026-01-22T14:33:15Z", "callee_number": "+2349087654322"}
    assert admin.post(f"{V1}/events/call", json=later).json()["call_count"] == body["call_count"] + 1


@pytest.mark.parametrize(
    "change",
    [
        {"caller_number": ""},
        {"caller_number": None},
        {"duration_seconds": -1},
        {"timestamp": "soon"},
        {"call_direction": "up"},
        {"callee_number": "+234\n"},
    ],
)
def test_event_fields_are_checked(admin: httpx.Client, change: dict[str, object]) -> None:
    refused = admin.post(f"{V1}/events/call", json=EVENT | change)
    assert refused.status_code == 422 and refused.json()["detail"]


def test_lake_names_the_file_as_its_sender_did(service: RunningService, admin: httpx.Client) -> None:
    head = "call_timestamp,caller_number,callee_number,duration_seconds\n"
    content = (head + "2026-01-19T00:00:00Z,+2348031112223,+2348033334445,9\n").encode()
    assert _send(admin, "../../etc/o'hara?.csv", content).json()["files"][0]["path"] == "o'hara?.csv"
    names = sb.open(service.lake).tables.read("ingests")["source_file"].to_list()
    assert "o'hara?.csv" in names and not [name for name in names if ".service" in name]


def test_a_night_that_holds_the_lock_is_not_waited_for(service: RunningService, admin: httpx.Client) -> None:
    with sb.open(service.lake).lake.lock():
        refused = admin.patch(f"{V1}/alerts/2", json={"reviewed": True})
        assert admin.get(f"{V1}/alerts").status_code == 200
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
    assert "the lake" in refused.json()["detail"] and str(service.lake) not in refused.text
    assert sb.get_alert(2, lake=service.lake)["reviewed"] is False
    assert admin.patch(f"{V1}/alerts/2", json={"reviewed": True}).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("caller_number", "anonymous"), ("caller_number", "+"), ("caller_number", "911"), ("caller_number", "acme"),
        ("callee_number", "+"), ("timestamp", "1999-12-31T23:59:59Z"),
        ("timestamp", "2999-01-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_what_ingest_would_reject_is_refused_at_once(admin: httpx.Client, field: str, value: str) -> None:
    """Accepted, it would end among the rejected rows of a file that the sender never hears of."""
    refused = admin.post(f"{V1}/events/call", json=EVENT | {field: value})
    many = admin.post("/api/v2/events", json=[EVENT, EVENT | {field: value}]).json()
    assert refused.status_code == 422 and field in refused.text
    assert [one["status"] for one in many["events"]] == ["accepted" if not many["repeated"] else "repeated", "refused"]
    assert field in json.dumps(many["events"][1]["detail"])
