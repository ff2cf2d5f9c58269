"""Who is let in, and to what."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from conftest import Call
from running_service import V1, RunningService

import sentinel_batch as sb
from sentinel_batch.errors import UsageError
from sentinel_batch.service import KeyStore, ServiceSettings
from sentinel_batch.service.limits import RateLimits
from sentinel_batch.service.server import check_exposure
from sentinel_batch.service.settings import service_folder

EVENT = {
    "caller_number": "+2348012345678",
    "callee_number": "+2349087654321",
    "duration_seconds": 2,
    "timestamp": "2026-01-22T14:32:15Z",
}
REQUESTS = {
    "alerts": ("GET", f"{V1}/alerts", None),
    "review": ("PATCH", f"{V1}/alerts/1", {"reviewed": True}),
    "detect": ("POST", f"{V1}/detect/sdhf", {"min_unique_destinations": 1000}),
    "event": ("POST", f"{V1}/events/call", EVENT),
    "ingest": ("POST", f"{V1}/ingest", None),
    "queue": ("GET", "/api/v2/queue", None),
    "number": ("GET", "/api/v2/numbers/+2348012345678", None),
    "suppress": ("POST", "/api/v2/suppressions", {"pattern": "+2348099999998", "reason": "test"}),
    "metrics": ("GET", "/metrics", None),
}
ALLOWED = {
    "reader": {"alerts", "queue", "number", "metrics"},
    "analyst": {"alerts", "queue", "number", "metrics", "review", "detect", "suppress"},
    "ingest": {"event", "ingest", "metrics"},
    "admin": set(REQUESTS),
}


@pytest.mark.parametrize("role", list(ALLOWED))
def test_roles(service: RunningService, role: str) -> None:
    with service.client(role) as client:
        for name, (method, path, body) in REQUESTS.items():
            status = client.request(method, path, json=body).status_code
            assert (status != 403) == (name in ALLOWED[role]), f"{role} {name}: {status}"
            assert status not in (401, 500)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic c2I6c2I="},
        {"X-API-Key": f"sb_{'0' * 12}_{'a' * 43}"},
        {"Authorization": f"Bearer sb_{'0' * 12}_{'a' * 43}' OR '1'='1"},
    ],
)
def test_without_a_valid_key(service: RunningService, headers: dict[str, str]) -> None:
    for method, path, body in REQUESTS.values():
        refused = httpx.request(method, service.url + path, json=body, headers=headers)
        assert refused.status_code == 401 and "API key" in refused.json()["detail"]
        assert refused.headers["www-authenticate"].startswith("Bearer")


def test_a_revoked_key_is_refused_at_once(service: RunningService) -> None:
    store = KeyStore(service_folder(sb.open(service.lake)))
    _, text = store.add("leaver", "analyst")
    headers = {"X-API-Key": text}
    assert httpx.get(f"{service.url}{V1}/alerts", headers=headers).status_code == 200
    store.revoke("leaver")
    assert httpx.get(f"{service.url}{V1}/alerts", headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/api/v2/alerts", "/api/v2/suspects"])
def test_a_reader_cannot_find_masked_digits_one_by_one(service: RunningService, path: str) -> None:
    number = sb.get_alert(2, lake=service.lake)["suspect_number"]
    for asked, status in ((number[:9] + "*", 403), (number, 200)):
        with service.client("reader") as reader, service.client("analyst") as analyst:
            assert reader.get(path, params={"suspect": asked}).status_code == status
            assert analyst.get(path, params={"suspect": asked}).status_code == 200


def test_a_reader_sees_masked_numbers(service: RunningService) -> None:
    number = sb.get_alert(2, lake=service.lake)["suspect_number"]
    masked = number[:6] + "******" + number[-2:]
    paths = (f"{V1}/alerts", "/api/v2/alerts/2", "/api/v2/alerts/2/explain", "/api/v2/suspects", "/api/v2/queue")
    for path in paths:
        with service.client("reader") as reader, service.client("analyst") as analyst:
            assert number in analyst.get(path).text
            seen = reader.get(path).text
            assert masked in seen and number not in seen
    with service.client("reader") as reader:
        assert reader.get("/api/v2/reports/report.html").status_code == 403


def test_keys_are_stored_hashed_and_privately(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / ".service")
    key, text = store.add("ada", "analyst", by="eve")
    secret = text.rpartition(f"{key.id}_")[2]
    assert len(secret) == 43 and (key.created_by, key.role) == ("eve", "analyst")
    files = list((tmp_path / ".service").iterdir())
    assert files and not [file for file in files if secret.encode() in file.read_bytes()]
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
    assert store.find(text) == key and store.find(text[:-1] + "x") is None
    with pytest.raises(UsageError, match="already"):
        store.add("ada", "reader")
    assert store.revoke(key.id, by="eve").revoked_by == "eve"
    assert store.find(text) is None and not store.has_valid()
    store.add("ada", "reader")
    with pytest.raises(UsageError, match="no valid key 'bob'"):
        store.revoke("bob")


def test_listening_needs_keys(tmp_path: Path) -> None:
    desk = sb.open(tmp_path / "lake")
    for host in ("127.0.0.1", "0.0.0.0", "fraud.example"):
        with pytest.raises(UsageError, match="no API key"):
            check_exposure(ServiceSettings(desk, host=host))
    check_exposure(ServiceSettings(desk, host="localhost", insecure_local=True))
    with pytest.raises(UsageError, match="--insecure-local cannot"):
        check_exposure(ServiceSettings(desk, host="0.0.0.0", insecure_local=True))
    KeyStore(service_folder(desk)).add("ada", "admin")
    check_exposure(ServiceSettings(desk, host="0.0.0.0"))
    with pytest.raises(UsageError, match="--insecure-local cannot"):
        check_exposure(ServiceSettings(desk, host="0.0.0.0", insecure_local=True))


def test_serve_command_refuses_without_keys(call: Call) -> None:
    refused = call("serve", "--lake", "lake", "--json")
    assert refused.code == 2 and "keys add" in refused.document["error"]["hint"]


def test_keys_commands(call: Call) -> None:
    made = call("keys", "add", "ada", "--role", "analyst", "--lake", "lake", "--json").document
    assert made["key"].startswith(f"sb_{made['id']}_")
    assert made["key"] not in call("keys", "list", "--lake", "lake").stdout
    assert call("keys", "revoke", "ada", "--lake", "lake").code == 0
    [listed] = call("keys", "list", "--lake", "lake", "--json").document["keys"]
    assert listed["revoked_at"] is not None and "key" not in listed


def test_rate_limit_counts_each_name_alone() -> None:
    limits = RateLimits(3)
    taken = [limits.take("ada") for _ in range(4)]
    assert [allowed for allowed, _ in taken] == [True, True, True, False]
    assert [headers["X-RateLimit-Remaining"] for _, headers in taken] == ["2", "1", "0", "0"]
    assert int(taken[3][1]["Retry-After"]) >= 1 and "Retry-After" not in taken[0][1]
    assert limits.take("bob")[0]


def test_rate_limit_over_http(tmp_path: Path) -> None:
    running = RunningService(tmp_path / "lake", {"requests_per_minute": 2}).make_keys().start()
    try:
        with running.client() as client:
            assert [client.get(f"{V1}/alerts").status_code for _ in range(3)] == [200, 200, 429]
            refused = client.get(f"{V1}/alerts")
            assert int(refused.headers["retry-after"]) > 0 and "too many" in refused.json()["detail"]
        with running.client("reader") as other:
            assert other.get(f"{V1}/alerts").headers["x-ratelimit-remaining"] == "1"
    finally:
        assert running.stop() == 0
