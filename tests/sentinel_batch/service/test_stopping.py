"""The end of a service: what it has begun comes to its end, what it has answered is on the disk."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from running_service import V1, RunningService
from waiting import wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import sentinel_batch as sb
from sentinel_batch import MockCDRGenerator
from sentinel_batch.service.jobs import JobStore

EVENT = {"caller_number": "+2348012345678", "duration_seconds": 2, "timestamp": "2026-01-22T14:32:15Z"}


@pytest.fixture
def service(calls_lake: Path) -> Iterator[RunningService]:
    running = RunningService(calls_lake, {"wait_seconds": 60.0}).make_keys().start()
    yield running
    if running.process.poll() is None:
        running.process.kill()
    assert "Traceback" not in running.log.read_text()


def _begin_upload(service: RunningService, content: bytes) -> tuple[socket.socket, bytes]:
    """Send the first half of a file; returns the connection, and what is still to be sent."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="cdr_file"; filename="a.csv"\r\n\r\n' + content + b"\r\n--x--\r\n"
    )
    head = (
        f"POST {V1}/ingest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.keys['ingest']}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    half = len(body) // 2
    link = socket.create_connection(("127.0.0.1", service.port))
    link.settimeout(60)
    link.sendall(head.encode() + body[:half])
    return link, body[half:]


def _wait_for_log(service: RunningService, text: str) -> None:
    wait_until(lambda: text in service.log.read_text(), text)


def _make_calls(folder: Path, records: int) -> bytes:
    MockCDRGenerator(seed=41).save_to_file(folder / "a.csv", total_records=records)
    return (folder / "a.csv").read_bytes()


def test_an_upload_under_way_comes_to_its_end(service: RunningService, tmp_path: Path) -> None:
    link, rest = _begin_upload(service, _make_calls(tmp_path, 900))
    service.process.send_signal(signal.SIGTERM)
    _wait_for_log(service, "Shutting down")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.url}/healthz")
    link.sendall(rest)
    answer = b""
    while piece := link.recv(65536):
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["records_inserted"] == 900
    assert service.process.wait(60) == 0
    assert sb.open(service.lake).tables.read("call_records").height == 1200 + 900
    assert list((service.lake / ".service" / "uploads").iterdir()) == []


def test_every_accepted_event_is_on_the_disk(service: RunningService) -> None:
    accepted: list[str] = []

    def send(sender: int) -> None:
        with service.client("ingest") as client:
            for number in range(10_000):
                event = {**EVENT, "callee_number": f"+23490{sender}{number:07}", "event_id": f"{sender}-{number}"}
                try:
                    answer = client.post(f"{V1}/events/call", json=event)
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    accepted.append(answer.json()["event_id"])

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(3)]
    for thread in threads:
        thread.start()
    while len(accepted) < 50:
        time.sleep(0.01)
    assert service.stop() == 0
    for thread in threads:
        thread.join()
    with sqlite3.connect(service.lake / ".service" / "events.db") as database:
        kept = {row[0] for row in database.execute("SELECT event_id FROM events")}
    assert len(accepted) >= 50 and set(accepted) <= kept


def test_listeners_are_told(service: RunningService) -> None:
    headers = {"Authorization": f"Bearer {service.keys['analyst']}"}
    with connect(f"ws://127.0.0.1:{service.port}{V1}/ws/alerts", additional_headers=headers) as listener:
        assert json.loads(listener.recv(timeout=30))["type"] == "connected"
        service.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            listener.recv(timeout=30)
    # "Service restart": clients come again by themselves.
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
    assert service.process.wait(60) == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_hastens_the_end(service: RunningService, tmp_path: Path, sign: int) -> None:
    link, _ = _begin_upload(service, _make_calls(tmp_path, 900))
    service.process.send_signal(sign)
    _wait_for_log(service, "Shutting down")
    assert service.process.poll() is None
    # Without a second one it would wait for the rest of the file.
    service.process.send_signal(sign)
    assert service.process.wait(60) == 0
    link.close()
    assert "requests cut off: 1" in service.log.read_text()
    assert sb.open(service.lake).tables.read("call_records").height == 1200


@pytest.mark.slow
def test_a_job_that_was_cut_off_is_taken_up_at_the_next_start(service: RunningService, tmp_path: Path) -> None:
    MockCDRGenerator(seed=42).save_to_file(tmp_path / "many.csv", total_records=300_000)
    with sb.open(service.lake).lake.lock():
        sending = threading.Thread(target=_send_file, args=(service, tmp_path / "many.csv"))
        sending.start()
        jobs = JobStore(service.lake / ".service")
        wait_until(lambda: jobs.list(10, "running"), "the load")
        service.process.send_signal(signal.SIGTERM)
        _wait_for_log(service, "Shutting down")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == 0
        sending.join()
        [job] = jobs.list(10, "running")
    again = RunningService(service.lake, keys=service.keys).start()
    try:
        while jobs.get(job.id).state in ("queued", "running"):
            time.sleep(0.1)
        assert jobs.get(job.id).state == "done"
    finally:
        assert again.stop() == 0
    assert sb.open(service.lake).tables.read("call_records").height == 1200 + 300_000


def _send_file(service: RunningService, file: Path) -> None:
    # It is cut off while it waits for the job.
    with service.client("ingest") as client, file.open("rb") as stream, suppress(httpx.TransportError):
        client.post(f"{V1}/ingest", files={"cdr_file": ("many.csv", stream)})
