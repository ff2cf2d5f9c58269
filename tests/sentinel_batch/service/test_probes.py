"""What watches the service: probes and metrics, asked over HTTP while the lake is in trouble."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_service import V1, RunningService

import sentinel_batch as sb
from sentinel_batch.config import Config
from sentinel_batch.lake import Lake
from sentinel_batch.service import ServiceSettings, probes
from sentinel_batch.service.figures import LakeFigures
from sentinel_batch.service.probes import check_service, is_ready
from sentinel_batch.service.state import Service
from sentinel_batch.window import now


@pytest.fixture
def quiet(calls_lake: Path) -> Service:
    """The parts of a service that nobody has started."""
    return Service(ServiceSettings(sb.open(calls_lake)))


def _samples(service: RunningService) -> dict[tuple[str, ...], float]:
    with service.client("reader") as client:
        text = client.get("/metrics").text
    return {
        (sample.name, *(value for name, value in sample.labels.items() if name != "lake")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_what_rules_watch(service: RunningService, admin: httpx.Client, tmp_path: Path) -> None:
    assert admin.post(f"{V1}/ingest", files={"cdr_file": ("x.csv", b"name\nada\n")}).status_code == 422
    samples = _samples(service)
    assert samples["sentinel_lake_readable",] == 1
    assert samples["sentinel_jobs_ended_total", "ingest", "refused"] == 1
    assert samples["sentinel_jobs_ended_total", "events", "failed"] == 0
    found = sb.list_alerts(lake=service.lake)
    opened = {sample[1]: int(value) for sample, value in samples.items() if sample[0] == "sentinel_alerts_open"}
    assert sum(opened.values()) == found.height and opened[found["alert_severity"][0]] > 0
    assert samples["sentinel_lake_bytes", "call_records"] > 10_000
    assert samples["sentinel_lake_disk_free_bytes",] > 0
    assert samples["sentinel_lake_lock_held_seconds",] == 0
    assert ("sentinel_nightly_last_success_timestamp_seconds",) not in samples


def test_figures_are_read_again_where_the_lake_has_changed(calls_lake: Path, tmp_path: Path) -> None:
    moment = [0.0]
    figures = LakeFigures(sb.open(calls_lake, lake_name="west"), lambda: moment[0])

    def read() -> dict[str, list[float]]:
        return {family.name: [sample.value for sample in family.samples] for family in figures.collect()}

    before = read()
    assert sum(before["sentinel_alerts_open"]) == 2
    assert {sample.labels["lake"] for family in figures.collect() for sample in family.samples} == {"west"}
    sb.review_alerts(1, lake=calls_lake)
    assert read() == before
    moment[0] += 11
    assert sum(read()["sentinel_alerts_open"]) == 1
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    desk = sb.open(calls_lake, inbox=inbox, reports=tmp_path / "reports")
    assert desk.run_nightly().exit_code == 0
    moment[0] += 11
    [success] = read()["sentinel_nightly_last_success_timestamp_seconds"]
    assert abs(success - now().timestamp()) < 3600


def test_figures_of_a_lake_that_is_gone(tmp_path: Path) -> None:
    [family] = LakeFigures(sb.open(tmp_path / "none", config=Config())).collect()
    assert family.name == "sentinel_lake_readable" and family.samples[0].value == 0


def test_readiness_while_the_lock_is_held(service: RunningService) -> None:
    with service.client(None) as anybody, sb.open(service.lake).lake.lock():
        ready = anybody.get("/readyz")
        assert ready.status_code == 200 and ready.json()["status"] == "ready"
        assert 0 <= ready.json()["checks"]["lock"]["held_seconds"] < 3600
        # Who it is, is for those who have a key.
        assert "process" not in ready.text


def test_a_lock_that_is_held_for_hours_is_told(quiet: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with quiet.desk.lake.lock():
        file = quiet.desk.lake.path / ".lock"
        since = now() - timedelta(hours=3)
        file.write_text(json.dumps(json.loads(file.read_text()) | {"since": since.isoformat()}))
        checks = check_service(quiet)
        assert not checks["lock"]["ok"] and checks["lock"]["held_seconds"] > 10_000
        # Reading goes on, so no request is sent elsewhere.
        assert is_ready(checks)
    assert check_service(quiet)["lock"] == {"ok": True, "held_seconds": 0.0}


def test_what_a_killed_writer_left_is_no_lock(calls_lake: Path) -> None:
    lake = Lake.open(calls_lake)
    with lake.lock():
        left = (calls_lake / ".lock").read_text()
        assert lake.find_lock_holder() is not None
    (calls_lake / ".lock").write_text(left)
    assert lake.find_lock_holder() is None


def test_too_little_room_too_many_events_and_a_lake_that_cannot_be_read(
    quiet: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_ready(check_service(quiet))
    monkeypatch.setattr(probes, "LEAST_DISK", 1 << 60)
    assert "free" in check_service(quiet)["disk"]["why"] and not is_ready(check_service(quiet))
    monkeypatch.undo()
    quiet.events.waiting = probes.MOST_EVENTS
    assert not check_service(quiet)["events"]["ok"]
    quiet.events.waiting = 0
    quiet.desk.lake.path.rename(quiet.desk.lake.path.with_name("elsewhere"))
    checks = check_service(quiet)
    assert [name for name, check in checks.items() if not check["ok"]] == ["lake", "disk"]
    assert "mounted" in checks["disk"]["why"] and not is_ready(checks)


def test_a_lake_that_vanishes_makes_the_service_unready(calls_lake: Path) -> None:
    running = RunningService(calls_lake).make_keys().start()
    try:
        calls_lake.rename(calls_lake.with_name("elsewhere"))
        with running.client(None) as anybody:
            refused = anybody.get("/readyz")
            assert refused.status_code == 503 and refused.json()["status"] == "not ready"
            assert anybody.get(f"{V1}/health").json()["status"] == "unhealthy"
            assert anybody.get("/healthz").status_code == 200
    finally:
        calls_lake.with_name("elsewhere").rename(calls_lake)
        assert running.stop() == 0
