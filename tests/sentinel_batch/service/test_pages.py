"""The pages as a browser gets them: who sees what, and what is refused."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import polars as pl
import pytest
from running_service import RunningService

import sentinel_batch as sb
from sentinel_batch.config import Config
from sentinel_batch.service import sessions as sessions_module
from sentinel_batch.service.guard import PAGES
from sentinel_batch.service.keys import KeyStore
from sentinel_batch.service.pages import assets, list_routers
from sentinel_batch.service.pages.entry import _own_address
from sentinel_batch.service.pages.groups import map_boxes
from sentinel_batch.service.pages.words import draw_spark, tell_changes
from sentinel_batch.service.sessions import COOKIE, SessionStore
from tests.sentinel_batch.reporting.report_lake import HOSTILE

READ = [
    "/",
    "/alerts?status=all",
    "/alerts/100",
    "/alerts/1",
    "/alerts/1/explain",
    "/alerts/1/calls",
    "/alerts/101/explain",
    "/queue",
]
READ += ["/boxes", "/boxes/1", "/cases", "/cases/1", "/suppressions", "/jobs", "/reports", "/numbers"]
READ += [
    "/numbers?q=%2B2348136260301",
    "/alerts?status=all&suspect=%2B2348136260325",
    "/numbers?q=08136260301",
    "/numbers/explain?q=08136260301",
]
WHOLE_NUMBER = re.compile(r"(?:\+|%2B)\d{8,15}")
FORM_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class Visitors:
    """Clients that hold the cookie of a role, and no key: one for each, since strangers may not ask often."""

    def __init__(self, service: RunningService) -> None:
        self._service = service
        self._clients: dict[str, httpx.Client] = {}

    def __call__(self, role: str) -> httpx.Client:
        if role not in self._clients:
            self._clients[role] = self.sign_in(role)
        return self._clients[role]

    def sign_in(self, role: str) -> httpx.Client:
        client = httpx.Client(base_url=self._service.url, timeout=60)
        answer = client.post("/login", data={"key": self._service.keys[role], "next": "/jobs"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
        return client


@pytest.fixture(scope="module")
def visit(page_service: RunningService) -> Visitors:
    """Give the client of a role, signed in."""
    return Visitors(page_service)


def token_of(client: httpx.Client, path: str = "/jobs") -> str:
    """Return what the forms of a signed-in browser carry."""
    found = FORM_TOKEN.search(client.get(path).text)
    assert found
    return found[1]


def test_a_stranger_is_asked_to_sign_in_and_comes_back(page_service: RunningService) -> None:
    with page_service.client(None) as stranger:
        asked = stranger.get("/alerts?severity=HIGH")
        assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/alerts%3Fseverity%3DHIGH")
        assert 'value="/alerts?severity=HIGH"' in stranger.get(asked.headers["location"]).text
        part = stranger.get("/alerts", headers={"HX-Request": "true"})
        assert part.status_code == 401 and "Sign in" in part.text
        assert stranger.get("/pulse", headers={"HX-Request": "true"}).status_code == 401
        assert stranger.post("/upload", files={"cdr_file": ("a.csv", b"x")}).headers["location"] == "/login"
        assert stranger.post("/ticket").status_code == 303
        assert stranger.get("/api/v2/queue").status_code == 401


def test_cookie_is_kept_from_scripts_and_other_sites(page_service: RunningService) -> None:
    with page_service.client(None) as client:
        answer = client.post(
            "/login", data={"key": page_service.keys["reader"]}, headers={"X-Forwarded-Proto": "https"}
        )
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(COOKIE) and page_service.keys["reader"] not in cookie
    assert {"HttpOnly", "SameSite=strict", "Secure", "Max-Age=43200", "Path=/"} <= set(cookie.split("; "))
    with page_service.client(None) as client:
        assert "Secure" not in client.post("/login", data={"key": page_service.keys["reader"]}).headers["set-cookie"]


def test_cookie_opens_pages_and_not_the_api(visit: Visitors) -> None:
    client = visit("admin")
    assert client.get("/").status_code == 200
    assert client.get("/api/v2/queue").status_code == 401
    assert client.post("/api/v2/tickets").status_code == 401
    assert client.get("/metrics").status_code == 401


def test_wrong_key(page_service: RunningService) -> None:
    with page_service.client(None) as client:
        for key in ("", "sb_wrong", "x" * 5000):
            answer = client.post("/login", data={"key": key})
            assert answer.status_code == 401 and "no valid key" in answer.text and "set-cookie" not in answer.headers


def test_signing_out_ends_the_session_on_the_server(page_service: RunningService, visit: Visitors) -> None:
    client = visit.sign_in("reader")
    cookie = client.cookies[COOKIE]
    assert client.post("/logout", data={"csrf": "wrong"}).status_code == 403
    assert client.post("/logout", data={"csrf": token_of(client)}).headers["location"] == "/login"
    with httpx.Client(base_url=page_service.url, cookies={COOKIE: cookie}) as thief:
        assert thief.get("/").status_code == 303


def test_session_ends_with_its_time_and_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = KeyStore(tmp_path)
    store = SessionStore(tmp_path, keys)
    headers = sessions_module.Headers({"cookie": f"{COOKIE}={store.open(keys.add('ada', 'reader')[0])}"})
    again = SessionStore(tmp_path, keys)
    found = again.identify(headers)
    assert found is not None and (found.name, found.role) == ("ada", "reader")
    assert again.owns_form(headers, store.form_token(headers))
    assert not again.owns_form(sessions_module.Headers({}), store.form_token(headers))
    with monkeypatch.context() as later:
        moment = (datetime.now(UTC) + timedelta(hours=12, seconds=1)).timestamp()
        later.setattr(sessions_module.time, "time", lambda: moment)
        assert again.identify(headers) is None
    keys.revoke("ada")
    assert again.identify(headers) is None


@pytest.mark.parametrize(
    "text", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_signing_in_leads_to_no_other_site(text: str) -> None:
    assert _own_address(text) == "/" and _own_address("/alerts?page=2") == "/alerts?page=2"


def test_every_page_is_known_to_the_guard() -> None:
    paths = {route.path for router in list_routers() for route in router.routes}  # type: ignore[attr-defined]
    assert {path.split("/")[1] for path in paths} - {"static"} == PAGES


@pytest.mark.parametrize("path", READ)
def test_reader_sees_no_whole_number(visit: Visitors, path: str) -> None:
    client = visit("reader")
    text = client.get(path).text
    assert not WHOLE_NUMBER.findall(text)
    assert not re.search(r'<form (?!class="(search|inline|tools)")', text), "A reader has nothing to judge."
    if path == "/boxes/1":
        # Not even in part: the dots of the network, and the strips.
        assert re.findall(r'<text x="[\d.]+" y="[\d.]+">([^<]*)</text>', text)
        assert not re.search(r"<text[^>]*>\d{4}</text>", text) and ">**" in text and "+23481******" in text


@pytest.mark.parametrize("path", READ)
def test_nobody_who_sends_files_reads(visit: Visitors, path: str) -> None:
    client = visit("ingest")
    answer = client.get(path)
    if path in ("/", "/jobs"):
        assert answer.status_code in (200, 303) and answer.headers.get("location", "/upload") == "/upload"
        return
    assert answer.status_code == 403 and "needs reader or analyst or admin" in answer.text


def test_reader_may_change_nothing(visit: Visitors) -> None:
    client = visit("reader")
    token = token_of(client)
    for path in ("/alerts/1/review", "/alerts/1/undo", "/alerts/1/suppress", "/suppressions", "/cases/1", "/detect"):
        answer = client.post(path, data={"csrf": token, "reason": "x"})
        assert answer.status_code == 403 and "has the role reader" in answer.text
    assert client.get("/reports/2026-01-23/report.html").status_code == 403
    assert client.post("/upload", headers={"X-CSRF-Token": token}).status_code == 403


def test_forms_of_other_pages_are_refused(page_service: RunningService, visit: Visitors) -> None:
    client = visit("admin")
    for data in ({"disposition": "confirmed"}, {"csrf": "0" * 64}, {"csrf": "é"}):
        assert client.post("/alerts/1/review", data=data).status_code == 403
    token = token_of(client)
    cross = client.post("/alerts/1/review", data={"csrf": token}, headers={"Origin": "https://evil.example"})
    assert cross.status_code == 403
    assert client.post("/ticket").status_code == 403
    assert client.post("/upload", files={"cdr_file": ("a.csv", b"x")}).status_code == 403
    other = visit.sign_in("admin")
    assert other.post("/alerts/1/review", data={"csrf": token}).status_code == 403
    assert not sb.get_alert(1, lake=page_service.lake)["reviewed"]


@pytest.mark.parametrize("path", [*READ, "/alerts/102", "/upload", "/detect"])
def test_text_stays_text(visit: Visitors, path: str) -> None:
    client = visit("admin")
    answer = client.get(path)
    assert answer.status_code == 200
    for bad in (*HOSTILE.values(), "<b>KAN007</b>", "\x1b", "\u202e"):
        assert bad not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=\"|\sstyle=\"", answer.text)


def test_errors_are_pages_that_say_what_to_do(visit: Visitors) -> None:
    client = visit("analyst")
    missing = client.get("/alerts/999")
    assert missing.status_code == 404 and "There is no alert 999" in missing.text and "<h1>Not found" in missing.text
    wrong = client.get("/alerts?severity=<script>")
    assert wrong.status_code == 422 and "<script>" not in wrong.text.replace("<script src", "")
    assert client.get("/alerts/9999999999999999999").status_code == 422
    part = client.get("/alerts/999", headers={"HX-Request": "true"})
    assert part.text.startswith('<p class="alarm">There is no alert 999')
    assert client.get("/jobs/none").status_code == 404
    assert client.get("/reports/%2e%2e/keys.db").status_code == 404
    refused = client.get("/upload")
    assert refused.status_code == 403 and "analyst" in refused.text


def test_assets_are_kept_for_ever_and_change_their_address(page_service: RunningService) -> None:
    with page_service.client(None) as stranger:
        page = stranger.get("/login").text
        for address in re.findall(r'"(/static/[^"]+)"', page):
            answer = stranger.get(address)
            assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
            digest, name = address.split("/")[2:]
            assert stranger.get(f"/static/{digest[::-1]}/{name}").status_code == 404
        assert stranger.get("/static/0/../keys.db").status_code in (401, 404)
        assert stranger.get("/static/0000/none.js").status_code == 404


def test_script_of_others_is_the_one_that_the_documentation_names() -> None:
    text = (Path(__file__).parents[3] / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert hashlib.sha256(assets.read("htmx.js")).hexdigest() in text


def test_pulse_changes_with_what_it_names(page_service: RunningService, visit: Visitors) -> None:
    client = visit("analyst")
    before = client.get("/pulse").json()
    assert set(before) == {"alerts", "groups", "calls", "jobs"} and len(client.get("/pulse").content) < 500
    token = token_of(client)
    done = client.post("/alerts/104/review", data={"csrf": token, "disposition": "watch", "notes": "two SIMs"})
    assert (done.status_code, done.headers["location"]) == (303, "/alerts/104")
    changed = [topic for topic, version in _later(client, before).items() if version != before[topic]]
    assert "alerts" in changed and "groups" not in changed and "jobs" not in changed
    row = sb.get_alert(104, lake=page_service.lake)
    assert (row["disposition"], row["reviewer_notes"]) == ("watch", "two SIMs")
    assert {event["actor"] for event in row["events"]} == {"analyst"}


def _later(client: httpx.Client, before: dict[str, str]) -> dict[str, str]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found: dict[str, str] = client.get("/pulse").json()
        if found != before:
            return found
        time.sleep(0.1)
    raise AssertionError("The pulse does not change.")


def test_verdicts_are_replaced_on_request_only_and_taken_back(page_service: RunningService, visit: Visitors) -> None:
    client = visit("analyst")
    token = token_of(client)

    def send(path: str, **form: str) -> httpx.Response:
        return client.post(f"/alerts/107/{path}", data={"csrf": token, **form})

    assert send("review", disposition="confirmed").status_code == 303
    refused = send("review", disposition="false-positive")
    assert refused.status_code == 422 and "was judged confirmed by analyst" in refused.text
    assert send("review", disposition="false-positive", replace="on").status_code == 303
    assert send("review", disposition="made-up").status_code == 422
    assert send("undo", notes="wrong row").status_code == 303
    assert "confirmed" in client.get("/alerts/107").text
    assert send("suppress", reason="hotline", until="2031-01-01").status_code == 303
    assert "hotline" in client.get("/suppressions").text
    number = sb.get_alert(107, lake=page_service.lake)["suspect_number"]
    assert client.post("/suppressions/remove", data={"csrf": token, "pattern": number}).status_code == 303
    assert "hotline" not in client.get("/suppressions").text


def test_cases_are_worked_on(visit: Visitors) -> None:
    client = visit("analyst")
    token = token_of(client)
    for form in (
        {"do": "assign", "assignee": "<i>ada</i>"},
        {"do": "mark", "status": "watch", "notes": HOSTILE["note"]},
        {"do": "close", "verdict": "confirmed", "notes": "done"},
    ):
        assert client.post("/cases/1", data={"csrf": token, **form}).status_code == 303
    text = client.get("/cases/1").text
    assert "&lt;i&gt;ada&lt;/i&gt;" in text and "Close the case" not in text
    assert client.post("/cases/1", data={"csrf": token, "do": "none"}).status_code == 422


@pytest.mark.parametrize(
    "typed", ["08136260301", "+2348136260301", "002348136260301", " 0813 626 0301 ", "(0813) 626-0301"]
)
def test_number_is_found_in_any_notation(visit: Visitors, typed: str) -> None:
    client = visit("analyst")
    text = client.get("/numbers", params={"q": typed}).text
    assert "<h1><bdi>+2348136260301</bdi></h1>" in text and "box 1" in text
    assert HOSTILE["number"] not in text


def test_prefix_leads_to_the_alerts_and_an_unknown_number_is_said_to_be_one(visit: Visitors) -> None:
    client = visit("analyst")
    answer = client.get("/numbers", params={"q": "0813626*"}, follow_redirects=True)
    assert answer.url.path == "/alerts" and "+2348136260" in answer.text
    assert "Nothing is known" in client.get("/numbers", params={"q": "+2348000009999"}).text
    assert client.get("/numbers", params={"q": "<script>"}).status_code in (200, 422)


def test_file_is_taken_and_every_row_accounted_for(visit: Visitors, calls_file: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.csv"
    lines = calls_file.read_text().splitlines()
    spoilt.write_text("\n".join([*lines[:200], "x,y,z", lines[1]]) + "\n")
    client = visit("ingest")
    headers = {"X-CSRF-Token": token_of(client, "/upload"), "HX-Request": "true"}
    files = {"cdr_file": ("<img src=x onerror=alert(1)>.csv", spoilt.read_bytes())}
    part = client.post("/upload", files=files, headers=headers).text
    address = re.findall(r'href="(/jobs/[^"]+)"', part)[0]
    page = part
    while "What became of its rows" not in page:
        page = client.get(address).text
    counts = dict(re.findall(r'data-count="([^"]+)">([^<]+)<', page))
    assert (counts["records_processed"], counts["records_rejected"]) == ("201", "1")
    assert "ragged row" in page and "<img" not in page and "&lt;img" in page
    empty = client.post("/upload", files={"cdr_file": ("e.csv", b"a,b\n1,2\n")}, headers=headers).text
    assert "alarm" in empty or "/jobs/" in empty
    assert client.post("/upload", data={"x": "y"}, headers=headers).status_code == 422
    assert address in client.get("/jobs").text
    reader = visit("reader")
    assert address in reader.get("/jobs").text and "/cancel" not in reader.get("/jobs").text


def test_reader_sees_the_calls_of_a_number_masked(visit: Visitors) -> None:
    text = visit("reader").get("/numbers", params={"q": "+2348136260301"}).text
    assert "Most called" in text and "<h1><bdi>+23481******01</bdi></h1>" in text


def test_history_tells_in_one_line_what_was_done_at_once() -> None:
    facts = {"at": "2026-01-22T10:00:00Z", "actor": "ada", "event": "reviewed", "note": "two SIMs"}
    events = [
        {**facts, "at": "2026-01-22T09:00:00Z", "event": "created", "field": None, "before": None, "after": None},
        {**facts, "field": "reviewed", "before": "False", "after": "True"},
        {**facts, "field": "disposition", "before": None, "after": "confirmed"},
    ]
    told = tell_changes(events)
    assert [(entry["event"], [row["after"] for row in entry["changes"]]) for entry in told] == [
        ("reviewed", ["confirmed"]),
        ("created", []),
    ]


def test_small_chart_shows_every_count() -> None:
    drawing = draw_spark([0, 1, 1000])
    assert (drawing["width"], drawing["most"]) == (30, 1000)
    assert [bar["height"] for bar in drawing["bars"]] == [0.0, 1.5, 38.0]
    assert draw_spark([])["bars"] == []


def test_every_call_behind_an_alert_is_listed(page_service: RunningService, visit: Visitors) -> None:
    calls = sb.explain(1, lake=page_service.lake).calls()
    text = visit("analyst").get("/alerts/1/calls").text
    assert text.count('class="time"') == calls.height > 100 and f"{calls.height:,} calls" in text


def test_boxes_stand_on_a_map_where_their_cells_are_known() -> None:
    boxes = pl.DataFrame({"box_id": [1, 2], "member_count": [8, 9], "top_cell": ["KAN007", "QQQ001"]})
    drawing = map_boxes(boxes, Config())
    assert drawing is not None and [box["title"] for box in drawing["boxes"]] == ["Box 1: 8 SIMs"]
    assert map_boxes(boxes.tail(1), Config()) is None


def test_detection(visit: Visitors) -> None:
    client = visit("analyst")
    token = token_of(client)
    answer = client.post("/detect", data={"csrf": token, "min_unique_destinations": "90000", "since": ""})
    assert answer.status_code == 303 and answer.headers["location"].startswith("/jobs/")
    assert client.get(answer.headers["location"]).status_code == 200
    wrong = client.post("/detect", data={"csrf": token, "time_window_hours": "400"})
    assert wrong.status_code == 422 and "time_window_hours" in wrong.text


def test_report_opens_in_a_sandbox(visit: Visitors) -> None:
    client = visit("analyst")
    assert "/reports/2026-01-23/report.html" in client.get("/reports").text
    answer = client.get("/reports/2026-01-23/report.html")
    assert answer.status_code == 200 and answer.headers["content-security-policy"].startswith("sandbox")


def test_local_service_needs_no_key(tmp_path: Path, calls_lake: Path) -> None:
    lake = shutil.copytree(calls_lake, tmp_path / "local")
    running = RunningService(lake, {"insecure_local": True}).start()
    try:
        with running.client(None) as client:
            page = client.get("/").text
            assert "Sign out" not in page and "local" in page and "+234" in page
            assert client.get("/login").headers["location"] == "/"
            token = token_of(client, "/detect")
            done = client.post("/alerts/1/review", data={"csrf": token, "disposition": "confirmed"})
            assert done.status_code == 303
            assert client.post("/alerts/1/review", data={"disposition": "watch"}).status_code == 403
    finally:
        assert running.stop() == 0
    assert sb.get_alert(1, lake=lake)["events"][-1]["actor"] == "local"
