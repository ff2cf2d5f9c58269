"""What the product has beyond the published endpoints, answered by the library's own functions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running_service import RunningService

import sentinel_batch as sb


@pytest.fixture(scope="module")
def service(_seeded_lake: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service on a lake with profiles, cases and a report."""
    folder = tmp_path_factory.mktemp("v2")
    lake = folder / "lake"
    shutil.copytree(_seeded_lake[0] / "lake", lake)
    sb.build_profiles(lake)
    sb.build_cases(lake=lake)
    sb.write_report(lake=lake, out=folder / "reports")
    (folder / "secret.json").write_text("{}")
    (folder / "reports" / "link.json").symlink_to(folder / "secret.json")
    (folder / "reports" / ".hidden.json").write_text("{}")
    running = RunningService(lake, {"config": {"reports": str(folder / "reports")}}).make_keys().start()
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log.read_text()


def test_alert_explained_and_its_review_undone(service: RunningService, admin: httpx.Client) -> None:
    explained = admin.get("/api/v2/alerts/1/explain").json()
    assert explained["reasons"] == [vars(reason) for reason in sb.explain(1, lake=service.lake).reasons]
    assert len(explained["longest_calls"]) == 10
    shown = admin.get("/api/v2/alerts/1").json()
    assert shown["remediation"] and shown["alert"]["events"]
    sb.review_alerts(1, disposition="confirmed", lake=service.lake)
    undone = admin.post("/api/v2/alerts/1/undo", json={"notes": "wrong row"}).json()["alert"]
    assert (undone["reviewed"], undone["disposition"]) == (False, None)
    assert admin.post("/api/v2/alerts/1/undo").status_code == 422


def test_suspects_and_queue(service: RunningService, admin: httpx.Client, simboxes: list[str]) -> None:
    suspects = admin.get("/api/v2/suspects").json()["suspects"]
    assert {row["suspect"] for row in suspects} == set(simboxes)
    assert all(row["alerts"] for row in suspects)
    queued = admin.get("/api/v2/queue", params={"limit": 1}).json()
    assert queued["count"] == 1 and queued["suspects"][0]["rank"] == 1
    prefix = simboxes[0][:8] + "*"
    assert [row["suspect"] for row in admin.get("/api/v2/suspects", params={"suspect": prefix}).json()["suspects"]]


def test_number_in_any_notation(admin: httpx.Client, simboxes: list[str]) -> None:
    national = "0" + simboxes[0].removeprefix("+234")
    found = admin.get(f"/api/v2/numbers/{national}").json()
    assert found["number"] == simboxes[0] and found["risk"]["level"] in ("high", "critical")
    assert [alert["suspect_number"] for alert in found["alerts"]] == [simboxes[0]]
    assert admin.get(f"/api/v2/numbers/{national}/profiles").json()["profiles"][0]["number"] == simboxes[0]
    assert admin.get(f"/api/v2/numbers/{national}/explain").json()["suspect_number"] == simboxes[0]
    assert admin.get("/api/v2/numbers/+2340000000001/explain").status_code == 404


def test_cases(service: RunningService, admin: httpx.Client) -> None:
    assert admin.get("/api/v2/cases").json()["cases"] == admin.get("/api/v2/cases?limit=1000").json()["cases"]
    assert admin.get("/api/v2/cases/99").status_code == 404
    assert admin.patch("/api/v2/cases/99", json={"assignee": "ada"}).status_code == 404
    assert admin.patch("/api/v2/cases/1", json={}).status_code == 422
    for case in admin.get("/api/v2/cases").json()["cases"]:
        changed = admin.patch(f"/api/v2/cases/{case['case_id']}", json={"assignee": "ada", "status": "watch"}).json()
        assert (changed["case"]["assignee"], changed["case"]["status"]) == ("ada", "watch")
        assert {event["actor"] for event in changed["events"] if event["field"] == "assignee"} == {"admin"}


def test_boxes(admin: httpx.Client) -> None:
    assert admin.get("/api/v2/boxes").json() == {"status": "success", "count": 0, "boxes": []}
    assert admin.get("/api/v2/boxes/1").status_code == 404


def test_suppressions(service: RunningService, admin: httpx.Client) -> None:
    wanted = {"pattern": "+2348012345678", "reason": "hotline", "until": "2030-01-01"}
    assert admin.post("/api/v2/suppressions", json=wanted).status_code == 201
    [row] = admin.get("/api/v2/suppressions").json()["suppressions"]
    assert (row["pattern"], row["created_by"]) == ("+2348012345678", "admin")
    assert admin.delete("/api/v2/suppressions/+2348012345678").status_code == 200
    assert admin.delete("/api/v2/suppressions/+2348012345678").status_code == 422
    assert sb.list_suppressions(lake=service.lake).is_empty()


def test_rules(admin: httpx.Client) -> None:
    rules = admin.get("/api/v2/rules").json()["rules"]
    assert "SDHF_001" in [rule["id"] for rule in rules] and not [rule for rule in rules if "file" in rule]
    assert "SELECT" in admin.get("/api/v2/rules/sdhf_001").json()["rule"]["sql"]
    assert admin.get("/api/v2/rules/NONE").status_code == 404


def test_runs_name_who_and_no_place(service: RunningService, admin: httpx.Client) -> None:
    admin.patch("/api/v1/sentinel/alerts/2", json={"reviewed": True})
    found = admin.get("/api/v2/runs")
    runs = found.json()["runs"]
    assert runs[0]["command"] == "review" and runs[0]["parameters"]["by"] == "admin"
    assert str(service.lake) not in found.text


def test_recordings_of_a_lake_without_any(admin: httpx.Client) -> None:
    assert admin.get("/api/v2/recordings").json()["recordings"] == []


def test_reports(service: RunningService, admin: httpx.Client) -> None:
    files = [row["path"] for row in admin.get("/api/v2/reports").json()["files"]]
    assert sorted(files) == ["alerts.parquet", "report.html", "report.json"]
    page = admin.get("/api/v2/reports/report.html")
    assert page.headers["content-type"].startswith("text/html") and b"<html" in page.content
    assert page.headers["content-security-policy"].startswith("sandbox")
    for path in ("link.json", ".hidden.json", "../secret.json", "..%2fsecret.json", "%2e%2e/secret.json", "none.html"):
        assert admin.get(f"/api/v2/reports/{path}").status_code == 404


def test_metrics_count_routes_not_paths(admin: httpx.Client) -> None:
    admin.get("/api/v2/numbers/+2348055555555")
    text = admin.get("/metrics").text
    assert 'route="/api/v2/numbers/{number}"' in text and "+2348055555555" not in text
    assert 'sentinel_jobs{state="done"}' in text and "sentinel_websocket_clients 0.0" in text


def test_api_is_described_with_examples(service: RunningService) -> None:
    with service.client(None) as anybody:
        document = anybody.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert "example" in schemas["DetectRequest"] and "example" in schemas["EventAnswer"]
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) > 30
    assert all(operation["description"] for path in document["paths"].values() for operation in path.values())
