"""The live page in a real browser: news arrive, files are dropped, everybody can use it, and nothing else runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import open_browser
from running_service import RunningService, raise_alert

import sentinel_batch as sb
from sentinel_batch import MockCDRGenerator

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "fixtures" / "axe-core" / "axe.min.js"
PAGES = ["/", "/alerts?status=all", "/alerts/1", "/alerts/101", "/queue", "/boxes", "/boxes/1", "/cases", "/cases/1"]
PAGES += [
    "/suppressions",
    "/numbers",
    "/numbers?q=08136260301",
    "/upload",
    "/detect",
    "/jobs",
    "/reports",
    "/alerts/999",
]
_PATIENCE = 30.0
# What a browser says when a server is away, or answers 404, is no defect of the page.
_EXPECTED = ("net::ERR_CONNECTION_REFUSED", "status of 404", "WebSocket connection")


class Desk:
    """One analyst's browser."""

    def __init__(self, driver: Any, service: RunningService) -> None:
        self.driver, self.service = driver, service

    def sign_in(self, role: str, then: str = "/") -> None:
        self.open("/login?next=" + then)
        self.driver.find_element("id", "key").send_keys(self.service.keys[role])
        self.click("#sign-in")
        self.wait(lambda: self.path == then)

    def sign_out(self) -> None:
        self.click('form[action="/logout"] button')
        self.wait(lambda: self.path == "/login")

    def open(self, path: str) -> None:
        self.driver.get(self.service.url + path)

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def text(self, selector: str = "body") -> str:
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def wait(self, fits: Callable[[], Any]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not fits():
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.05)

    def complaints(self) -> list[str]:
        """Return what the console was told since it was last asked."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        return [line for line in said if not any(known in line for known in _EXPECTED)]

    @property
    def path(self) -> str:
        return str(self.run("return location.pathname + location.search"))

    @property
    def is_live(self) -> bool:
        return bool(self.run("return document.getElementById('connection')?.dataset.state === 'live'"))


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """Two browsers that share nothing."""
    opened: list[Any] = []
    for name in ("first", "second"):
        opened.append(open_browser(tmp_path_factory.mktemp(name)))
    yield opened
    for driver in opened:
        driver.quit()


@pytest.fixture
def ada(drivers: list[Any], page_service: RunningService) -> Iterator[Desk]:
    """The desk of an analyst; nothing may be said on its console."""
    yield from _desk(drivers[0], page_service, "admin")


@pytest.fixture
def bob(drivers: list[Any], page_service: RunningService) -> Iterator[Desk]:
    """The desk of somebody who only reads."""
    yield from _desk(drivers[1], page_service, "reader")


def _desk(driver: Any, service: RunningService, role: str) -> Iterator[Desk]:
    desk = Desk(driver, service)
    driver.delete_all_cookies()
    desk.sign_in(role)
    desk.complaints()
    yield desk
    assert desk.complaints() == []


def test_alert_arrives_in_two_browsers_and_a_review_in_the_other(
    page_service: RunningService, ada: Desk, bob: Desk, tmp_path: Path
) -> None:
    for desk in (ada, bob):
        desk.run("window.loaded = 'once'")
        desk.wait(lambda desk=desk: desk.is_live)  # type: ignore[misc]
    number = raise_alert(page_service.lake, tmp_path, 21)
    masked = f"{number[:6]}******{number[-2:]}"
    for desk, shown in ((ada, number), (bob, masked)):
        desk.wait(lambda desk=desk, shown=shown: shown in desk.text("#feed"))  # type: ignore[misc]
        desk.wait(lambda desk=desk: desk.run("return document.title").startswith("(1)"))  # type: ignore[misc]
        rows = desk.run("return [...document.querySelectorAll('#feed tbody')].map((body) => body.id)")
        assert len(rows) == len(set(rows)) and desk.run("return document.querySelectorAll('.fresh').length") == 1
        assert shown in desk.run("return document.getElementById('news').textContent")
    assert number not in bob.driver.page_source and "/numbers?q=%2B" not in bob.driver.page_source
    alert_id = sb.list_alerts(lake=page_service.lake, suspect=number)["id"].max()
    ada.open(f"/alerts/{alert_id}")
    ada.click("input[value=confirmed]")
    ada.driver.find_element("id", "notes").send_keys("80 calls of 2 s <script>alert(1)</script>")
    ada.click("#review")
    ada.wait(lambda: ada.text("#verdict") == "confirmed")
    assert "80 calls of 2 s <script>" in ada.text("#state .notes")
    bob.wait(lambda: "confirmed" in bob.text(f"#alert-{alert_id}"))
    assert bob.run("return window.loaded") == "once" and ada.path == f"/alerts/{alert_id}"
    ada.click("#undo")
    ada.wait(lambda: ada.text("#verdict") == "to review")
    bob.wait(lambda: "to review" in bob.text(f"#alert-{alert_id}"))


def test_another_verdict_shows_beside_notes_that_are_being_written(page_service: RunningService, ada: Desk) -> None:
    ada.open("/alerts/103")
    ada.driver.find_element("id", "notes").send_keys("half a senten")
    sb.review_alerts(103, disposition="false-positive", by="bob", lake=page_service.lake)
    ada.wait(lambda: ada.text("#verdict") == "false-positive")
    assert ada.run("return document.getElementById('notes').value") == "half a senten"
    assert ada.run("return document.activeElement.id") == "notes"
    ada.click("input[value=confirmed]")
    ada.click("#review")
    ada.wait(lambda: "was judged false-positive by bob" in ada.text("#notice"))
    assert ada.run("return document.getElementById('notes').value") == "half a senten"
    assert any("422" in line for line in ada.complaints())


def test_page_comes_back_after_the_service_was_away(page_service: RunningService, ada: Desk, tmp_path: Path) -> None:
    ada.run("window.loaded = 'once'")
    ada.wait(lambda: ada.is_live)
    assert page_service.stop() == 0
    ada.wait(lambda: "Reconnecting" in ada.text("#connection"))
    number = raise_alert(page_service.lake, tmp_path, 22)
    page_service.start()
    # Who has signed in stays so, and what came meanwhile is there, once.
    ada.wait(lambda: ada.is_live and number in ada.text("#feed"))
    assert ada.text("#feed").count(number) == 1
    assert ada.run("return window.loaded") == "once"
    ada.complaints()


def test_signing_out_in_one_window_is_noticed_in_the_other(ada: Desk) -> None:
    ada.wait(lambda: ada.is_live)
    ada.driver.delete_all_cookies()
    ada.wait(lambda: "You are signed out" in ada.text("#notice"))
    assert ada.text("#connection") == "Signed out"
    assert any("401" in line for line in ada.complaints())
    ada.click("#notice a")
    ada.wait(lambda: ada.path.startswith("/login"))
    ada.sign_in("admin")
    ada.sign_out()
    ada.open("/alerts/1")
    ada.wait(lambda: ada.path == "/login?next=/alerts/1")


@pytest.mark.parametrize("way", ["input", "drop"])
def test_file_is_sent_and_its_rows_accounted_for(ada: Desk, tmp_path: Path, way: str) -> None:
    file = tmp_path / f"{way} '&<b>.csv"
    MockCDRGenerator(seed=30).save_to_file(file, total_records=300, simbox_callers=0)
    file.write_text(file.read_text() + "x,y,z\n")
    ada.open("/upload")
    if way == "input":
        ada.driver.find_element("id", "files").send_keys(str(file))
    else:
        ada.run(
            "const given = new DataTransfer(); given.items.add(new File([arguments[0]], arguments[1]));"
            "document.getElementById('upload').dispatchEvent("
            "new DragEvent('drop', {dataTransfer: given, bubbles: true, cancelable: true}))",
            file.read_text(),
            file.name,
        )
    ada.wait(lambda: "What became of its rows" in ada.text("#results"))
    counts = ada.run(
        "return Object.fromEntries([...document.querySelectorAll('[data-count]')].map("
        "(cell) => [cell.dataset.count, cell.textContent]))"
    )
    assert (counts["records_processed"], counts["records_rejected"]) == ("301", "1")
    assert (counts["records_inserted"], counts["duplicates_skipped"]) == (
        ("300", "0") if way == "input" else ("0", "300")
    )
    assert "Rejected: ragged row" in ada.text("#results") and file.name in ada.text("#results")


def test_refused_file_says_why(ada: Desk, tmp_path: Path) -> None:
    file = tmp_path / "no_calls.csv"
    file.write_text("colour,size\nred,3\n")
    ada.open("/upload")
    ada.driver.find_element("id", "files").send_keys(str(file))
    ada.wait(lambda: "failed" in ada.text("#results .job"))
    assert "no_calls.csv" in ada.text("#results") and ada.text("#results .alarm")


@pytest.mark.parametrize("path", PAGES)
def test_page_is_for_everybody(ada: Desk, path: str) -> None:
    ada.open(path)
    ada.wait(lambda: not ada.run("return document.querySelector('#explanation[aria-busy]')"))
    ada.run(AXE.read_text(encoding="utf-8"))
    ada.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
    try:
        # In the dark only colours differ.
        for mode, only in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            ada.driver.execute_cdp_cmd(
                "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": mode}]}
            )
            found = ada.driver.execute_async_script(
                "axe.run(document, {resultTypes: ['violations'], ...arguments[0]})"
                ".then((result) => arguments[1](result.violations))",
                only,
            )
            told = [(item["id"], [node["html"][:200] for node in item["nodes"][:3]]) for item in found]
            assert told == [], f"{mode}: {json.dumps(told, indent=1)}"
    finally:
        ada.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert (
        ada.run("return document.querySelectorAll('img, iframe, #owned, [onload], [onerror], main script').length") == 0
    )
    for width in (400, 1280):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        ada.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert ada.run("return document.documentElement.scrollWidth") <= width, f"{path} scrolls sideways at {width} px"
    ada.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_keyboard_goes_first_to_the_content_and_keeps_its_place(page_service: RunningService, ada: Desk) -> None:
    from selenium.webdriver.common.keys import Keys

    ada.wait(lambda: ada.is_live)
    ada.driver.find_element("css selector", "body").send_keys(Keys.TAB)
    assert ada.run("return document.activeElement.className") == "skip"
    ada.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert ada.run("return document.activeElement.id") == "main"
    ada.run("document.getElementById('open-105').focus()")
    sb.review_alerts(106, disposition="watch", by="bob", lake=page_service.lake)
    ada.wait(lambda: "watch" in ada.text("#alert-106"))
    assert ada.run("return document.activeElement.id") == "open-105"
