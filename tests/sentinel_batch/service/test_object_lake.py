"""A service whose lake is in object storage, beside another machine that writes it, too."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import running_service
from conftest import Call
from object_stores import running_store, s3
from running_service import V1, RunningService, free_port, wait_for_job
from waiting import wait_until
from websockets.sync.client import connect

import sentinel_batch as sb
from benchmarks.object_store import BUCKET, ObjectStore
from sentinel_batch import MockCDRGenerator
from sentinel_batch.errors import ExitCode
from sentinel_batch.schema import CALL_RECORDS

__all__ = ["running_store", "s3"]

EVENT = {
    "caller_number": "+2348031112222",
    "callee_number": "+2348044000001",
    "duration_seconds": 2,
    "timestamp": "2026-01-22T12:00:00Z",
}


@dataclass
class Remote:
    """A service, where its lake is, and where it keeps what it must not lose."""

    service: RunningService
    address: str
    state: Path

    def start(self) -> RunningService:
        words = ["-m", "sentinel_batch", "--lake", self.address, "serve", "--port", str(self.service.port)]
        return self.service.launch(words)


@pytest.fixture
def remote(s3: ObjectStore, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    address, state = f"s3://{BUCKET}/{uuid4().hex}/lake", tmp_path / "state"
    monkeypatch.setenv("SENTINEL_LAKE_STATE", str(state))
    monkeypatch.setenv("SENTINEL_LAKE_CACHE", str(tmp_path / "cache of the service"))
    service = RunningService(tmp_path / "lake", port=free_port())
    service.keys["admin"] = call("keys", "add", "ada", "--role", "admin", "--lake", address, "--json").document["key"]
    running = Remote(service, address, state)
    running.start()
    monkeypatch.setenv("SENTINEL_LAKE_CACHE", str(tmp_path / "cache of another machine"))
    yield running
    assert service.stop() == 0
    assert "Traceback" not in service.log.read_text()


def write_box(folder: Path, seed: int) -> tuple[Path, str]:
    """Write a file of calls with one SIM box, and return its number, too."""
    file = folder / f"{seed}.csv"
    [number] = MockCDRGenerator(seed=seed).save_to_file(
        file, total_records=300, simbox_callers=1, simbox_calls_per_caller=80
    )
    return file, number


def finish(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """Return what a job brought; on a busy machine it is answered before it is done."""
    if answer.status_code != 202:
        return dict(answer.json())
    return dict(wait_for_job(client, answer.json()["job_id"])["result"])


def test_files_alerts_and_reviews(remote: Remote, s3: ObjectStore, tmp_path: Path) -> None:
    file, number = write_box(tmp_path, 11)
    with remote.service.client() as client:
        with file.open("rb") as stream:
            taken = client.post(f"{V1}/ingest", files={"cdr_file": (file.name, stream)})
        assert finish(client, taken)["records_inserted"] == 300
        found = finish(client, client.post(f"{V1}/detect/sdhf", json={}))
        assert found["suspects"] == [number]
        [alert_id] = found["alert_ids"]
        # What this machine wrote, another one reads, and the other way round.
        assert list(sb.list_alerts(lake=remote.address)["suspect_number"]) == [number]
        reviewed = client.patch(f"{V1}/alerts/{alert_id}", json={"reviewed": True, "reviewer_notes": "seen"})
        assert reviewed.status_code == 200
        assert sb.get_alert(alert_id, lake=remote.address)["reviewer_notes"] == "seen"
        sb.review_alerts([alert_id], disposition="confirmed", by="bob", lake=remote.address)
        assert client.get(f"/api/v2/alerts/{alert_id}").json()["alert"]["disposition"] == "confirmed"
        missing = client.get("/api/v2/alerts/999")
        assert missing.status_code == 404 and BUCKET not in missing.text and str(tmp_path) not in missing.text
    kept = {path.name for path in remote.state.rglob("*.db")}
    assert "keys.db" in kept and len(kept) > 1
    stored = s3.list_keys(remote.address.removeprefix(f"s3://{BUCKET}/"))
    assert stored and not [key for key in stored if ".db" in key or ".service" in key or "upload" in key]


def test_alerts_of_another_machine_are_pushed(remote: Remote, tmp_path: Path) -> None:
    file, number = write_box(tmp_path, 12)
    headers = {"Authorization": f"Bearer {remote.service.keys['admin']}"}
    with connect(f"ws://127.0.0.1:{remote.service.port}{V1}/ws/alerts", additional_headers=headers) as socket:
        sb.ingest([file], lake=remote.address)
        sb.run_detection("SDHF_001", lake=remote.address)
        while (message := json.loads(socket.recv(timeout=60)))["type"] != "alert":
            pass
    assert message["data"]["suspect_number"] == number


def test_events_outlive_the_service_and_are_loaded_once(remote: Remote, tmp_path: Path) -> None:
    with remote.service.client() as client:
        for _ in range(2):
            assert client.post(f"{V1}/events/call", json=EVENT).status_code < 300
    remote.service.stop(signal.SIGKILL)
    settings = json.dumps({"port": remote.service.port, "flush_seconds": 0.2})
    remote.service.launch([running_service.__file__, remote.address, "10", settings])

    def read_callers() -> list[str]:
        return list(sb.open(remote.address).tables.read(CALL_RECORDS.name)["caller_number"])

    wait_until(read_callers, "the event in the lake")
    assert read_callers() == [EVENT["caller_number"]]


def test_without_a_place_for_its_keys_it_does_not_start(s3: ObjectStore, call: Call) -> None:
    for command in (["keys", "list"], ["serve", "--insecure-local"]):
        done = call(*command, "--lake", f"s3://{BUCKET}/{uuid4().hex}", "--json")
        assert done.code == ExitCode.USAGE
        error: dict[str, Any] = done.document["error"]
        assert "object storage holds tables only" in error["message"] and "SENTINEL_LAKE_STATE=DIR" in error["hint"]
