"""Long jobs: answered with where to ask, cancelled, and taken up again after a crash."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from running_service import V1, RunningService, free_port, serving, wait_for_job
from waiting import wait_until

import sentinel_batch as sb
from sentinel_batch import MockCDRGenerator
from sentinel_batch.service.failures import JobNotFoundError, QueueFullError
from sentinel_batch.service.jobs import MAX_OPEN, JobStore


@pytest.fixture(scope="module")
def service(_seeded_lake: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that waits for no job."""
    yield from serving(_seeded_lake[0] / "lake", tmp_path_factory.mktemp("jobs"), {"wait_seconds": 0.0})


@pytest.fixture(scope="module")
def many_calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("many") / "many.csv"
    MockCDRGenerator(seed=3).save_to_file(file, total_records=200_000, simbox_callers=1, simbox_calls_per_caller=60)
    return file


def _send(client: httpx.Client, file: Path) -> httpx.Response:
    with file.open("rb") as stream:
        return client.post(f"{V1}/ingest", files={"cdr_file": (file.name, stream)})


def _workers(service: RunningService) -> list[psutil.Process]:
    children = psutil.Process(service.process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_long_job_is_answered_with_its_place(service: RunningService, admin: httpx.Client, calls_file: Path) -> None:
    accepted = _send(admin, calls_file)
    assert accepted.status_code == 202
    body = accepted.json()
    assert body["status"] == "accepted" and accepted.headers["location"] == body["location"]
    job = wait_for_job(admin, body["job_id"])
    assert (job["state"], job["status_code"], job["created_by"]) == ("done", 200, "admin")
    assert job["result"]["records_processed"] == 1200 and job["finished_at"] > job["started_at"]
    listed = admin.get("/api/v2/jobs", params={"state": "done"}).json()["jobs"]
    assert body["job_id"] in [row["id"] for row in listed]
    assert admin.post(f"/api/v2/jobs/{body['job_id']}/cancel").status_code == 409
    assert not list((service.lake / ".service" / "uploads").iterdir())


def test_failed_job_says_why(admin: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("name,colour\nada,blue\n")
    job = wait_for_job(admin, _send(admin, tmp_path / "bad.csv").json()["job_id"])
    assert (job["state"], job["status_code"]) == ("failed", 422)
    assert "bad.csv" in job["result"]["detail"][0]["msg"]


def test_jobs_of_others(service: RunningService, admin: httpx.Client, calls_file: Path) -> None:
    job_id = _send(admin, calls_file).json()["job_id"]
    with service.client("ingest") as other:
        assert other.get(f"/api/v2/jobs/{job_id}").status_code == 404
        assert other.get("/api/v2/jobs").json()["jobs"] == []
    with service.client("analyst") as other:
        assert other.post(f"/api/v2/jobs/{job_id}/cancel").status_code in (403, 409)
    wait_for_job(admin, job_id)


def test_cancelled_job_leaves_nothing(service: RunningService, admin: httpx.Client, many_calls: Path) -> None:
    before = sb.open(service.lake).tables.versions["call_records"]
    first, second = (_send(admin, many_calls).json()["job_id"] for _ in range(2))
    for job_id in (second, first):
        assert admin.post(f"/api/v2/jobs/{job_id}/cancel").json()["job"]["state"] == "cancelled"
    assert wait_for_job(admin, first)["cancelled_by"] == "admin"
    assert sb.open(service.lake).tables.versions["call_records"] == before
    # Another worker goes on.
    found = admin.post(f"{V1}/detect/sdhf", json={"min_unique_destinations": 500}).json()
    assert wait_for_job(admin, found["job_id"])["state"] == "done"
    assert not list((service.lake / ".service" / "uploads").iterdir())


def test_dead_worker_is_replaced(service: RunningService, admin: httpx.Client, many_calls: Path) -> None:
    job_id = _send(admin, many_calls).json()["job_id"]
    for worker in _workers(service):
        worker.kill()
    # It is done again, with the file that was kept for it.
    assert wait_for_job(admin, job_id)["state"] == "done"
    again = wait_for_job(admin, _send(admin, many_calls).json()["job_id"])
    assert again["result"]["records_inserted"] == 0 < again["result"]["records_processed"]


def test_killed_service_takes_its_jobs_up_again(
    _seeded_lake: tuple[Path, list[str]], tmp_path: Path, many_calls: Path
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(_seeded_lake[0] / "lake", lake)
    running = RunningService(lake, {"wait_seconds": 0.0}).make_keys().start()
    with running.client() as client:
        job_id = _send(client, many_calls).json()["job_id"]
    workers = _workers(running)
    running.stop(signal.SIGKILL)
    for worker in workers:
        worker.kill()
    running.start()
    try:
        with running.client() as client:
            job = wait_for_job(client, job_id)
        assert job["state"] == "done" and job["result"]["records_processed"] == 200_000
    finally:
        assert running.stop() == 0


def test_service_as_the_command_starts_it(tmp_path: Path) -> None:
    running = RunningService(tmp_path / "lake", port=free_port())
    running.lake.mkdir()
    words = ["-m", "sentinel_batch", "serve", "--insecure-local", "--lake", str(running.lake)]
    running.launch([*words, "--port", str(running.port)])
    with running.client(None) as anybody:
        assert anybody.get(f"{V1}/alerts").json() == {"status": "success", "count": 0, "alerts": [], "total": 0}
    workers = _workers(running)
    assert len(workers) == 1
    assert running.stop(signal.SIGINT) == 0
    assert not [worker for worker in workers if worker.is_running()]
    assert "Serving" in running.log.read_text()


def test_queue_of_jobs_is_bounded(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    for _ in range(MAX_OPEN):
        store.add("detect", {}, "ada")
    with pytest.raises(QueueFullError, match="200 jobs"):
        store.add("detect", {}, "ada")
    claimed = store.claim()
    assert claimed is not None and claimed.attempts == 1
    with pytest.raises(JobNotFoundError):
        store.get("none")


def test_job_that_never_ends_is_given_up(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    job_id = store.add("detect", {}, "ada").id
    for _ in range(3):
        assert store.claim() is not None
        store.requeue()
    job = store.get(job_id)
    assert (job.state, job.status_code) == ("failed", 500) and store.claim() is None
    assert (tmp_path / "jobs.db").stat().st_mode & 0o077 == 0


def test_jobs_go_on_after_their_file_was_busy(service: RunningService, admin: httpx.Client, calls_file: Path) -> None:
    """Nothing on the way of a job may end the thread that hands jobs out."""
    store = sqlite3.connect(service.lake / ".service" / "jobs.db", isolation_level=None)
    store.execute("BEGIN IMMEDIATE")
    try:
        wait_until(lambda: "which is tried again" in service.log.read_text(), "the store is busy for too long", 60)
    finally:
        store.execute("ROLLBACK")
        store.close()
    assert wait_for_job(admin, _send(admin, calls_file).json()["job_id"])["state"] == "done"
