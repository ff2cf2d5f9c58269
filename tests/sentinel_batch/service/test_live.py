"""New alerts reach everybody who listens, whoever wrote them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_service import V1, RunningService, raise_alert, serving
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import sentinel_batch as sb
from sentinel_batch.service.hub import QUEUE_SIZE, Client, Hub, News, SlowClientError
from sentinel_batch.service.keys import KeyStore
from sentinel_batch.service.metrics import Metrics
from sentinel_batch.service.settings import service_folder

DATA = [
    "id", "alert_type", "suspect_number", "alert_severity", "evidence_summary", "call_count", "unique_destinations",
    "avg_duration_seconds", "detection_rule", "created_at",
]  # fmt: skip


@pytest.fixture(scope="module")
def service(_seeded_lake: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with a quick heartbeat."""
    yield from serving(_seeded_lake[0] / "lake", tmp_path_factory.mktemp("live"), {"heartbeat_seconds": 0.5})


def _listen(service: RunningService, role: str = "analyst", query: str = "") -> ClientConnection:
    headers = {"Authorization": f"Bearer {service.keys[role]}"}
    return connect(f"ws://127.0.0.1:{service.port}{V1}/ws/alerts{query}", additional_headers=headers)


def _next(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        message = json.loads(socket.recv(timeout=30))
        if message["type"] == kind:
            return dict(message)


def test_connected_heartbeat_and_alerts_of_another_process(service: RunningService, tmp_path: Path) -> None:
    with _listen(service) as first, _listen(service, "reader") as second:
        for socket in (first, second):
            hello = json.loads(socket.recv())
            assert list(hello) == ["type", "timestamp", "message"] and hello["type"] == "connected"
        assert list(_next(first, "heartbeat")) == ["type", "timestamp"]
        number = raise_alert(service.lake, tmp_path, 11)
        alert = _next(first, "alert")
        assert list(alert) == ["type", "timestamp", "data"] and list(alert["data"])[:10] == DATA
        assert alert["data"]["suspect_number"] == number
        assert _next(second, "alert")["data"]["suspect_number"] == number[:6] + "******" + number[-2:]


@pytest.mark.parametrize("since", ["abc", "-1", "1e3", str(2**63)])
def test_what_is_no_alert_cannot_be_resumed_from(service: RunningService, since: str) -> None:
    with pytest.raises(InvalidStatus) as refused, _listen(service, query=f"?since={since}"):
        pass
    assert refused.value.response.status_code == 422
    [detail] = json.loads(refused.value.response.body)["detail"]
    assert detail["loc"] == ["query", "since"]


def test_resume(service: RunningService) -> None:
    with _listen(service, query="?since=1") as socket:
        assert _next(socket, "connected")
        assert _next(socket, "alert")["data"]["id"] == 2


def test_ticket_opens_one_socket(service: RunningService) -> None:
    with service.client("analyst") as client:
        ticket = client.post("/api/v2/tickets").json()["ticket"]
    address = f"ws://127.0.0.1:{service.port}{V1}/ws/alerts?ticket={ticket}"
    with connect(address) as socket:
        assert _next(socket, "connected")
    with pytest.raises(Exception, match="403"), connect(address):
        pass


def test_subprotocol_carries_a_key(service: RunningService) -> None:
    address = f"ws://127.0.0.1:{service.port}{V1}/ws/alerts"
    offered = ["sentinel.v1", f"sentinel.key.{service.keys['reader']}"]
    with connect(address, subprotocols=offered) as socket:  # type: ignore[arg-type]
        assert socket.subprotocol == "sentinel.v1" and _next(socket, "connected")


def test_a_socket_ends_with_its_key(service: RunningService) -> None:
    store = KeyStore(service_folder(sb.open(service.lake)))
    _, text = store.add("leaver", "analyst")
    headers = {"Authorization": f"Bearer {text}"}
    with httpx.Client(base_url=service.url, headers=headers) as client:
        ticket = client.post("/api/v2/tickets").json()["ticket"]
    address = f"ws://127.0.0.1:{service.port}{V1}/ws/alerts"
    with connect(address, additional_headers=headers) as by_key, connect(f"{address}?ticket={ticket}") as by_ticket:
        assert _next(by_key, "heartbeat") and _next(by_ticket, "heartbeat")
        store.revoke("leaver")
        for socket in (by_key, by_ticket):
            with pytest.raises(ConnectionClosed) as ended:
                while True:
                    socket.recv(timeout=30)
            assert ended.value.rcvd is not None and (ended.value.rcvd.code, "revoked" in ended.value.rcvd.reason) == (
                1008,
                True,
            )


def test_slow_client_is_dropped_and_others_go_on(calls_lake: Path) -> None:
    hub = Hub(sb.open(calls_lake), Metrics())

    async def spread() -> tuple[Client, Client]:
        slow, quick = hub.join(), hub.join()
        assert slow is not None and quick is not None
        alert = sb.list_alerts(lake=calls_lake).to_dicts()[0]
        for number in range(QUEUE_SIZE + 1):
            hub._spread(News(alert | {"id": number}))
            got = await quick.get(1)
            assert got is not None and got.id == number
        with pytest.raises(SlowClientError):
            await slow.get(1)
        return slow, quick

    slow, quick = asyncio.run(spread())
    assert hub.clients == 1
    hub.leave(quick)
    hub.leave(slow)
    assert hub.clients == 0


def test_alert_is_written_once_for_all(calls_lake: Path) -> None:
    alert = sb.list_alerts(lake=calls_lake).to_dicts()[0]
    news = News(alert)
    assert news.text is news.text and json.loads(news.text)["data"]["suspect_number"] == alert["suspect_number"]
    assert alert["suspect_number"] not in news.masked and json.loads(news.masked)["data"]["id"] == alert["id"]


def test_crossing_of_a_threshold_by_events_is_told(service: RunningService) -> None:
    with _listen(service) as socket, service.client("ingest") as client:
        events = [
            {
                "caller_number": "+2348039990001",
                "callee_number": f"+23480355500{callee:02}",
                "duration_seconds": 1,
                "timestamp": f"2026-03-01T10:{callee:02}:00Z",
            }
            for callee in range(51)
        ]
        assert client.post("/api/v2/events", json=events).json()["accepted"] == 51
        data = _next(socket, "alert")["data"]
        assert (data["suspect_number"], data["detection_rule"], data["call_count"]) == (
            "+2348039990001",
            "SDHF_001",
            51,
        )
