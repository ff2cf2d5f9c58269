"""What strangers try: each is refused with a body that says why, and nothing is lost or left behind."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import polars as pl
import pytest
from fastapi import HTTPException
from running_service import V1, RunningService, serving
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import sentinel_batch as sb
from sentinel_batch import MockCDRGenerator
from sentinel_batch.service.uploads import check_expansion, safe_name

BOUNDARY = "x" * 20
HEAD = "call_date,call_time,caller_number,callee_number,duration_seconds\n"
ROW = "2026-01-20,12:00:00,+2348031112222,+2348033334444,30\n"


@pytest.fixture(scope="module")
def service(_seeded_lake: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that takes files of 1 MB at most."""
    yield from serving(
        _seeded_lake[0] / "lake", tmp_path_factory.mktemp("refusals"), {"max_upload": 1 << 20, "body_seconds": 1.0}, 1.0
    )


@pytest.fixture(autouse=True)
def _nothing_is_lost_or_left(service: RunningService) -> Iterator[None]:
    before = sb.open(service.lake).tables.versions
    yield
    assert sb.open(service.lake).tables.versions == before
    uploads = service.lake / ".service" / "uploads"
    assert [path.name for path in uploads.iterdir()] == []
    with service.client(None) as anybody:
        assert anybody.get(f"{V1}/health").json()["status"] == "healthy"


def _form(content: bytes, disposition: str = 'form-data; name="cdr_file"; filename="calls.csv"') -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return head + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def _post(client: httpx.Client, body: bytes) -> httpx.Response:
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return client.post(f"{V1}/ingest", content=body, headers={"Content-Type": kind})


def test_file_that_is_too_large(admin: httpx.Client) -> None:
    refused = _post(admin, _form((HEAD + ROW * 60_000).encode()))
    assert refused.status_code == 413 and "1,048,576 bytes" in refused.json()["detail"]


def test_file_that_is_too_large_and_does_not_say_so(admin: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        whole = _form((HEAD + ROW * 60_000).encode())
        for start in range(0, len(whole), 65_536):
            yield whole[start : start + 65_536]

    kind = f"multipart/form-data; boundary={BOUNDARY}"
    refused = admin.post(f"{V1}/ingest", content=pieces(), headers={"Content-Type": kind})
    assert refused.status_code == 413 and "larger" in refused.json()["detail"]


def test_body_that_is_too_large(admin: httpx.Client) -> None:
    refused = admin.patch(f"{V1}/alerts/1", json={"reviewer_notes": "x" * 2_000_000})
    assert refused.status_code == 413 and "body" in refused.json()["detail"]
    refused = admin.patch(f"{V1}/alerts/1", json={"reviewer_notes": "x" * 5_000})
    assert refused.status_code == 422


@pytest.mark.parametrize("path", [f"{V1}/events/call", "/api/v2/events"])
def test_events_that_are_too_large_and_do_not_say_so(admin: httpx.Client, path: str) -> None:
    refused = admin.post(path, content=(b"[" * 65_536 for _ in range(40)))
    assert refused.status_code == 413 and refused.json()["detail"]


def test_compressed_file_that_is_a_bomb(service: RunningService, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb") as file:
        file.write(HEAD.encode())
        for _ in range(64):
            file.write(b"\n" * (1 << 20))
    with pytest.raises(HTTPException, match="once it is unpacked") as refused:
        check_expansion(bomb, 16 << 20)
    assert refused.value.status_code == 413
    with gzip.open(bomb, "ab") as file:
        file.write(b"\n" * (1 << 20))
    with pytest.raises(HTTPException, match="67,108,864 bytes"):
        check_expansion(bomb, 1 << 40)


def test_compressed_file_of_calls_is_none(tmp_path: Path) -> None:
    MockCDRGenerator(seed=1).save_to_file(tmp_path / "calls.csv", total_records=5000)
    packed = tmp_path / "calls.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "calls.csv").read_bytes()))
    check_expansion(packed, 1 << 40)


def test_parquet_file_that_is_a_bomb(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.parquet"
    pl.select(caller_number=pl.repeat("+2348031112222", 8_000_000)).write_parquet(bomb)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(HTTPException, match="once it is unpacked"):
        check_expansion(bomb, 1 << 40)


def test_bomb_over_http(service: RunningService, admin: httpx.Client) -> None:
    content = gzip.compress(HEAD.encode() + b"\n" * (200 << 20), 9)
    assert len(content) * 900 < 200 << 20
    refused = admin.post(f"{V1}/ingest", files={"cdr_file": ("bomb.csv.gz", content)})
    assert refused.status_code == 413 and "bomb.csv.gz" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "last boundary"),
        (_form(b"a")[:-30], 400, "last boundary"),
        (b"no form at all", 400, "malformed"),
        (_form(HEAD.encode(), "form-data; name=other"), 422, "Field required"),
        (_form(HEAD.encode(), 'form-data; name="cdr_file"'), 422, "Expected a file"),
        (_form(HEAD.encode())[:-26] + b"\r\n" + _form(HEAD.encode()), 422, "One file at a time"),
        (f"--{BOUNDARY}\r\n{'X: y' * 3000}\r\n\r\n".encode(), 400, "malformed"),
    ],
    ids=["empty", "cut short", "text", "no field", "no file", "two files", "long header"],
)
def test_malformed_forms(admin: httpx.Client, body: bytes, status: int, said: str) -> None:
    refused = _post(admin, body)
    assert refused.status_code == status and said in json.dumps(refused.json()["detail"])


def test_upload_that_is_no_form(admin: httpx.Client) -> None:
    refused = admin.post(f"{V1}/ingest", content=b"{}", headers={"Content-Type": "application/json"})
    assert refused.status_code == 422 and refused.json()["detail"][0]["loc"] == ["body", "cdr_file"]


def test_json_that_is_none(admin: httpx.Client) -> None:
    for body in (b"{", b"[" * 100_000, b'{"duration_seconds": NaN}', b"\xff\xfe", b"null"):
        refused = admin.post(f"{V1}/events/call", content=body, headers={"Content-Type": "application/json"})
        assert refused.status_code in (400, 422) and refused.json()["detail"]


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/x.csv",
        "..\\..\\x.csv",
        "/etc/passwd",
        "",
        ".",
        "..",
        "-rf",
        "\x00.csv",
        "a" * 5000,
        "‮vsc.exe",
    ],
)
def test_names_of_uploads_are_only_names(service: RunningService, name: str) -> None:
    made = safe_name(name)
    assert made and made not in (".", "..") and Path(made).name == made and len(made) <= 120
    assert not made.startswith((".", "-")) and made.isprintable()


@pytest.mark.parametrize("text", ["' OR 1=1 --", "1; DROP TABLE fraud_alerts", "%27%20OR%201=1", "${7*7}", "{{7*7}}"])
def test_sql_in_every_parameter(admin: httpx.Client, text: str) -> None:
    everything = admin.get("/api/v2/alerts").json()["count"]
    assert everything
    lists = {
        f"{V1}/alerts": ("severity", "reviewed", "limit", "sort"),
        "/api/v2/alerts": ("suspect", "since", "status", "severity"),
        "/api/v2/suspects": ("suspect", "since", "until"),
        "/api/v2/queue": ("since", "until"),
        "/api/v2/cases": ("status",),
        "/api/v2/recordings": ("number", "action", "label"),
        "/api/v2/jobs": ("state",),
    }
    for path, names in lists.items():
        for name in names:
            found = admin.get(path, params={name: text})
            assert found.status_code == 422 or found.json()["count"] == 0, f"{path} {name}: {found.text}"
    # A caller may be a name, so any text is a number; this one has called nobody.
    number = admin.get(f"/api/v2/numbers/{text}")
    assert number.status_code == 422 or (number.json()["alerts"], number.json()["risk_score"]) == ([], 0)
    for path in ("alerts", "boxes", "cases", "rules", "jobs", "reports"):
        assert admin.get(f"/api/v2/{path}/{text}").status_code in (404, 422)
    assert admin.delete(f"/api/v2/suppressions/{text}").status_code == 422
    assert admin.get("/api/v2/alerts").json()["count"] == everything


def test_path_out_of_the_folder_of_reports(admin: httpx.Client) -> None:
    for path in (
        "../lake/sentinel-lake.json",
        "%2e%2e/lake/.service/keys.db",
        "..%2f..%2fetc/passwd",
        "/etc/passwd",
    ):
        assert admin.get(f"/api/v2/reports/{path}").status_code in (401, 404)


def test_other_origins(service: RunningService, admin: httpx.Client) -> None:
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{service.port}.evil.example"):
        refused = admin.patch(f"{V1}/alerts/1", json={"reviewed": True}, headers={"Origin": origin})
        assert refused.status_code == 403 and "origins" in refused.json()["detail"]
        with pytest.raises(InvalidStatus, match="403") as caught, _listen(service, Origin=origin):
            pass
        assert b"origins" in caught.value.response.body
    with _listen(service, Origin=service.url) as socket:
        assert json.loads(socket.recv())["type"] == "connected"


def test_websocket_without_a_key(service: RunningService) -> None:
    address = f"ws://127.0.0.1:{service.port}{V1}/ws/alerts"
    for query in ("", "?ticket=wrong", f"?ticket={service.keys['admin']}"):
        with pytest.raises(InvalidStatus, match="403") as caught, connect(address + query):
            pass
        assert "ticket" in json.loads(caught.value.response.body)["detail"]
    ingest = {"Authorization": f"Bearer {service.keys['ingest']}"}
    with pytest.raises(InvalidStatus, match="403"), connect(address, additional_headers=ingest):
        pass


def test_the_log_holds_no_ticket_and_no_key(service: RunningService) -> None:
    with service.client("analyst") as client:
        ticket = client.post("/api/v2/tickets").json()["ticket"]
    address = f"ws://127.0.0.1:{service.port}{V1}/ws/alerts?ticket="
    with connect(address + ticket) as socket:
        assert json.loads(socket.recv())["type"] == "connected"
    with pytest.raises(InvalidStatus), connect(address + service.keys["admin"]):
        pass
    log = service.log.read_text()
    assert "Uvicorn running" in log
    assert ticket not in log and not [key for key in service.keys.values() if key in log]


def test_two_lengths_of_one_body(service: RunningService) -> None:
    both = f"POST {V1}/detect/sdhf", "Content-Length: 2\r\nTransfer-Encoding: chunked", "0\r\n\r\n"
    answer = _send_raw(service, *both, then="GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    # One answer only: what comes after it could be somebody else's, to a proxy that believes the other length.
    assert answer.startswith(b"HTTP/1.1 400") and b"exclude each other" in answer and answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("text", ["' OR '1'='1", "1; DROP TABLE fraud_alerts; --", "1' UNION SELECT * FROM keys --"])
def test_sql_in_whatever_the_api_takes(service: RunningService, admin: httpx.Client, text: str) -> None:
    """Every parameter of every GET that the description names, one after the other."""
    everything = admin.get("/api/v2/alerts").json()["count"]
    tried = 0
    for path, operations in admin.get("/openapi.json").json()["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", []):
            filled = path.replace(f"{{{parameter['name']}}}", quote(text, safe=""))
            filled = re.sub(r"\{[a-z_]+\}", "1", filled).replace("{", "")
            query = {parameter["name"]: text} if parameter["in"] == "query" else {}
            answer = admin.get(filled, params=query)
            assert answer.status_code in (200, 404, 422), f"{filled} {query}: {answer.text}"
            assert "SQL" not in answer.text and "sqlite" not in answer.text.lower()
            tried += 1
    assert tried > 30
    assert admin.get("/api/v2/alerts").json()["count"] == everything


def test_name_that_was_pointed_at_this_machine(tmp_path: Path) -> None:
    running = RunningService(tmp_path / "lake", {"insecure_local": True}).start()
    try:
        with running.client(None) as anybody:
            assert anybody.get(f"{V1}/alerts").status_code == 200
            refused = anybody.get(f"{V1}/alerts", headers={"Host": "evil.example"})
            assert refused.status_code == 421 and "localhost" in refused.json()["detail"]
            page = {"Origin": "https://evil.example"}
            assert anybody.post(f"{V1}/detect/sdhf", json={}, headers=page).status_code == 403
    finally:
        assert running.stop() == 0


def test_headers_that_never_end(service: RunningService) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as slow:
        slow.settimeout(60)
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        answer = slow.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408") and b"too slowly" in answer


# Events are answered before the router, which must not change what is said.
@pytest.mark.parametrize("request_line", [f"PATCH {V1}/alerts/1", f"POST {V1}/events/call", "POST /api/v2/events"])
def test_body_that_never_ends(service: RunningService, request_line: str) -> None:
    answer = _send_raw(service, request_line, "Content-Length: 1000", "{")
    assert answer.startswith(b"HTTP/1.1 408") and b"nothing was taken" in answer


def _send_raw(service: RunningService, request: str, length: str, body: str, then: str = "") -> bytes:
    """Send bytes as no client would, and return what comes until the connection is closed."""
    head = (
        f"{request} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {service.keys['admin']}\r\n{length}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port)) as raw:
        raw.settimeout(60)
        raw.sendall((head + body + then).encode())
        return b"".join(iter(lambda: raw.recv(4096), b""))


def _listen(service: RunningService, **headers: str):  # type: ignore[no-untyped-def]
    key = {"Authorization": f"Bearer {service.keys['analyst']}", **headers}
    return connect(f"ws://127.0.0.1:{service.port}{V1}/ws/alerts", additional_headers=key)
