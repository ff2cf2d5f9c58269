"""A client that knows the published description only: its command lines, and its JSON, as they were typed there."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from running_service import RunningService, free_port
from websockets.sync.client import connect

BOXES = ["+2348012345678", "+2349087654321", "+2347065432109"]
HEADER = "call_date,call_time,caller_number,callee_number,duration_seconds"

INGEST = """
curl -X POST http://localhost:8000/api/v1/sentinel/ingest \\
  -F "cdr_file=@sample_cdr.csv"
"""
DETECT = """
curl -X POST http://localhost:8000/api/v1/sentinel/detect/sdhf \\
  -H "Content-Type: application/json" \\
  -d '{
    "time_window_hours": 24,
    "min_unique_destinations": 50,
    "max_avg_duration_seconds": 3.0
  }'
"""
# Without quotes the shell takes what follows the & for another command; the description has it so.
ALERTS = "curl http://localhost:8000/api/v1/sentinel/alerts?severity=HIGH&reviewed=false"
QUOTED = 'curl "http://localhost:8000/api/v1/sentinel/alerts?severity=%s&reviewed=false&limit=50"'
REVIEW = """
curl -X PATCH http://localhost:8000/api/v1/sentinel/alerts/%d \\
  -H "Content-Type: application/json" \\
  -d '{
    "reviewed": true,
    "reviewer_notes": "Confirmed SIM Box - escalated to security team"
  }'
"""
HEALTH = "curl http://localhost:8000/api/v1/sentinel/health"
EVENT = """
curl -X POST http://localhost:8000/api/v1/sentinel/events/call \\
  -H "Content-Type: application/json" \\
  -d '{
    "caller_number": "+2348012345678",
    "callee_number": "+2349087654321",
    "duration_seconds": 2,
    "call_direction": "outbound",
    "timestamp": "2024-01-15T14:32:15Z"
  }'
"""
WORKFLOW = [
    """
curl -X POST http://localhost:8000/api/v1/sentinel/ingest \\
  -F "cdr_file=@test_cdr.csv"
""",
    """
curl -X POST http://localhost:8000/api/v1/sentinel/detect/sdhf \\
  -H "Content-Type: application/json" \\
  -d '{"time_window_hours": 24, "min_unique_destinations": 50, "max_avg_duration_seconds": 3.0}'
""",
    "curl http://localhost:8000/api/v1/sentinel/alerts?severity=HIGH",
    """
curl -X PATCH http://localhost:8000/api/v1/sentinel/alerts/1 \\
  -H "Content-Type: application/json" \\
  -d '{"reviewed": true, "reviewer_notes": "Investigated - confirmed fraud"}'
""",
]
ALERT_KEYS = [
    "id", "alert_type", "suspect_number", "alert_severity", "evidence_summary", "call_count", "unique_destinations",
    "avg_duration_seconds", "detection_rule", "created_at", "reviewed",
]  # fmt: skip
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@dataclass
class Desk:
    """A folder with files of calls, and a service that was just started."""

    folder: Path
    service: RunningService

    def type(self, line: str) -> Any:
        """Type a command line into a shell, but for the port; returns the JSON that it prints."""
        typed = line.replace("localhost:8000", f"localhost:{self.service.port}").replace("curl ", "curl -sS ")
        done = subprocess.run(
            ["bash", "-c", typed + "\nwait"], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl is not installed")
    rows = list(_make_rows())
    for name, content in (("sample_cdr.csv", [*rows, *rows[-2:]]), ("test_cdr.csv", rows)):
        (tmp_path / name).write_text("\n".join([HEADER, *content]) + "\n")
    service = RunningService(tmp_path / "data" / "lake", port=free_port())
    service.lake.parent.mkdir()
    # As make serve does it.
    words = ["-m", "sentinel_batch", "serve", "--insecure-local", "--lake", str(service.lake)]
    service.launch([*words, "--port", str(service.port)])
    yield Desk(tmp_path, service)
    assert service.stop(signal.SIGINT) == 0


def _make_rows() -> Iterator[str]:
    dice = random.Random(5)

    def moment() -> str:
        return f"2026-01-22,{dice.randrange(23):02}:{dice.randrange(60):02}:{dice.randrange(60):02}"

    def number() -> str:
        return f"+23480{dice.randrange(10**8):08}"

    for _ in range(1000):
        yield f"{moment()},{number()},{number()},{dice.randint(30, 1800)}"
    for box in BOXES:
        for _ in range(75):
            yield f"{moment()},{box},{number()},{dice.randint(1, 4)}"


def test_every_command_line(desk: Desk) -> None:
    health = desk.type(HEALTH)
    assert health["status"] == "healthy"
    _check_ingest(desk.type(INGEST))
    with connect(f"ws://localhost:{desk.service.port}/api/v1/sentinel/ws/alerts") as socket:
        hello = json.loads(socket.recv(timeout=30))
        assert hello["type"] == "connected" and isinstance(hello["message"], str)
        found = desk.type(DETECT)
        _check_detection(found)
        told = [json.loads(socket.recv(timeout=30)) for _ in BOXES]
    _check_messages(told, found)
    _check_alerts(desk, found)
    _check_review(desk, found["alert_ids"][0])
    _check_event(desk.type(EVENT))
    uploaded, detected, listed, reviewed = (desk.type(line) for line in WORKFLOW)
    assert (uploaded["records_inserted"], uploaded["duplicates_skipped"]) == (0, 1225)
    assert sorted(detected["suspects"]) == sorted(BOXES)
    assert listed["status"] == reviewed["status"] == "success"


def _check_ingest(taken: dict[str, Any]) -> None:
    assert list(taken)[:5] == [
        "status", "records_processed", "records_inserted", "duplicates_skipped", "processing_time_seconds",
    ]  # fmt: skip
    assert [*taken.values()][:4] == ["success", 1227, 1225, 2]
    assert isinstance(taken["processing_time_seconds"], float)


def _check_detection(found: dict[str, Any]) -> None:
    assert list(found)[:4] == ["status", "alerts_generated", "alert_ids", "suspects"]
    assert (found["status"], found["alerts_generated"]) == ("success", 3)
    assert all(isinstance(alert_id, int) for alert_id in found["alert_ids"]) and len(found["alert_ids"]) == 3
    assert sorted(found["suspects"]) == sorted(BOXES)


def _check_messages(told: list[dict[str, Any]], found: dict[str, Any]) -> None:
    for message in told:
        assert list(message)[:3] == ["type", "timestamp", "data"] and message["type"] == "alert"
        assert MOMENT.fullmatch(message["timestamp"]) and MOMENT.fullmatch(message["data"]["created_at"])
        assert list(message["data"])[:10] == ALERT_KEYS[:10]
    assert {message["data"]["id"]: message["data"]["suspect_number"] for message in told} == dict(
        zip(found["alert_ids"], found["suspects"], strict=True)
    )


def _check_alerts(desk: Desk, found: dict[str, Any]) -> None:
    assert list(desk.type(ALERTS))[:3] == ["status", "count", "alerts"]
    listed = {level: desk.type(QUOTED % level) for level in ("LOW", "MEDIUM", "HIGH", "CRITICAL")}
    alerts = [alert for answer in listed.values() for alert in answer["alerts"]]
    assert sum(answer["count"] for answer in listed.values()) == len(alerts) == 3
    for level, answer in listed.items():
        assert {alert["alert_severity"] for alert in answer["alerts"]} <= {level}
    # The two lists of a detection are read side by side.
    numbers = {alert["id"]: alert["suspect_number"] for alert in alerts}
    assert [numbers[alert_id] for alert_id in found["alert_ids"]] == found["suspects"]
    for alert in alerts:
        assert list(alert)[:11] == ALERT_KEYS
        assert (alert["alert_type"], alert["detection_rule"]) == ("SDHF_SIMBOX", "SDHF_001")
        assert (alert["call_count"], alert["unique_destinations"]) == (75, 75)
        assert 1 <= alert["avg_duration_seconds"] < 3 and alert["reviewed"] is False
        assert alert["evidence_summary"] and MOMENT.fullmatch(alert["created_at"])


def _check_review(desk: Desk, alert_id: int) -> None:
    assert desk.type(REVIEW % alert_id)["status"] == "success"
    left = [alert for level in ("LOW", "MEDIUM", "HIGH", "CRITICAL") for alert in desk.type(QUOTED % level)["alerts"]]
    assert len(left) == 2 and alert_id not in [alert["id"] for alert in left]


def _check_event(kept: dict[str, Any]) -> None:
    assert list(kept)[:3] == ["status", "event_id", "risk_score"]
    assert kept["status"] == "accepted" and re.fullmatch(r"evt_[0-9a-f]{12}", kept["event_id"])
    # One call of two seconds to one number: half of 1/50, three tenths of 1/3, a fifth of 1/100.
    assert kept["risk_score"] == pytest.approx(0.5 / 50 + 0.3 / 3 + 0.2 / 100, abs=0.0006)


def test_the_published_number_of_calls_is_scored_as_published(desk: Desk) -> None:
    """The description's factors: destinations 50 %, short duration 30 %, frequency 20 %, over the last 24 hours."""
    for number in range(60):
        event = EVENT.replace("+2349087654321", f"+23490876543{number:02}").replace("14:32:15Z", f"14:{number:02}:15Z")
        kept = desk.type(event)
    assert kept["risk_score"] > 0.6


PAGE = """
const done = arguments[arguments.length - 1];
const seen = [];
function displayAlert(data) { seen.push(['alert', data]); done(seen); }
const ws = new WebSocket('ws://localhost:8000/api/v1/sentinel/ws/alerts');

ws.onopen = () => {
    seen.push(['open']);
    fetch('/api/v1/sentinel/detect/sdhf', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'});
};

ws.onmessage = (event) => {
    const message = JSON.parse(event.data);

    if (message.type === 'alert') {
        console.log('New fraud alert:', message.data);
        // Update dashboard UI
        displayAlert(message.data);
    } else if (message.type === 'heartbeat') {
        console.log('Connection alive');
    } else if (message.type === 'connected') {
        seen.push(['connected', message.message]);
    }
};

ws.onerror = (error) => {
    console.error('WebSocket error:', error);
    done(['error']);
};
"""


@pytest.mark.browser
def test_the_published_page_script_in_a_browser(desk: Desk, tmp_path: Path) -> None:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (test extra)")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    desk.type(INGEST)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        browser.set_script_timeout(60)
        browser.get(f"http://localhost:{desk.service.port}/healthz")
        opened, hello, alert = browser.execute_async_script(
            PAGE.replace("localhost:8000", f"localhost:{desk.service.port}")
        )
    finally:
        browser.quit()
    assert opened == ["open"] and hello[0] == "connected"
    assert alert[0] == "alert" and alert[1]["suspect_number"] in BOXES and set(ALERT_KEYS) <= set(alert[1])


@pytest.mark.slow
def test_heartbeat_after_half_a_minute(desk: Desk) -> None:
    with connect(f"ws://localhost:{desk.service.port}/api/v1/sentinel/ws/alerts") as socket:
        assert json.loads(socket.recv(timeout=30))["type"] == "connected"
        beat = json.loads(socket.recv(timeout=60))
    assert list(beat) == ["type", "timestamp"] and beat["type"] == "heartbeat" and MOMENT.fullmatch(beat["timestamp"])


def test_make_serve_is_what_these_tests_start() -> None:
    makefile = (Path(__file__).resolve().parents[3] / "Makefile").read_text()
    assert "sentinel-batch serve --insecure-local --lake $(LAKE)" in makefile
