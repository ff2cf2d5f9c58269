"""Three nights as a fraud desk sees them, in a browser: a good one, one that loses files, and a rerun."""

from __future__ import annotations

import gzip
import json
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sentinel_batch.errors import ExitCode
from sentinel_batch.nightly import NightlyResult, Step
from sentinel_batch.reporting.document import load_schema
from tests.conftest import Call
from tests.sentinel_batch.nightly.nights import clock_at, night_of
from tests.sentinel_batch.nightly.test_nightly import NOON, SUSPECTS, Desk
from tests.sentinel_batch.reporting.conftest import browser  # noqa: F401 - a fixture
from tests.sentinel_batch.reporting.pages import requested, visit

pytestmark = pytest.mark.browser

FIRST = "return document.querySelector('main > :first-child').firstElementChild.nextElementSibling.className"
TEXT = "return document.querySelector(arguments[0])?.textContent.replace(/\\s+/g, ' ').trim() ?? ''"
ROWS = (
    "return [...document.querySelectorAll(arguments[0])].map(r => [...r.children]"
    ".map(c => c.textContent.replace(/\\s+/g, ' ').trim()))"
)

SHOWN = "return [...document.querySelectorAll('.nights thead th')].filter(h => h.offsetWidth).map(h => h.textContent)"
WIDER = (
    "return [document.documentElement, document.querySelector('main .scroll')].map(e => e.scrollWidth - e.clientWidth)"
)


def cut(path: Path) -> Path:
    """Replace a file by the first half of its compressed self."""
    whole = gzip.compress(path.read_bytes())
    half = path.with_name(f"{path.name}.gz")
    half.write_bytes(whole[: len(whole) // 2])
    path.unlink()
    return half


def spoil(path: Path) -> Path:
    """Replace all callers of a file by nonsense."""
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *(row.replace(row.split(",")[2], "nobody") for row in rows)]) + "\n")
    return path


def read(result: NightlyResult) -> dict[str, Any]:
    assert result.report is not None
    document: dict[str, Any] = json.loads(result.report.json.read_text())
    jsonschema.validate(document, load_schema())
    return document


def test_three_nights(tmp_path: Path, browser: Any, call: Call) -> None:  # noqa: F811 - a fixture
    desk = Desk(tmp_path)

    def text(selector: str) -> str:
        found: str = browser.execute_script(TEXT, selector)
        return found

    # The first night takes everything: only such a night has its green tick.
    desk.receive("a.csv", 0)
    with clock_at(night_of(NOON)):
        first = desk.night()
    assert (first.exit_code, first.folder) == (ExitCode.DONE, desk.out / "2026-01-21")
    visit(browser, desk.out / "latest" / "report.html")
    assert text("#night .good") == "✓ Nothing was lost: 61 calls from 1 file were taken."
    assert text(".alarm") == ""
    assert "This was the first night: everything is new." in text("#news")
    assert [row[0] for row in browser.execute_script(ROWS, "#news .news tbody tr")] == [SUSPECTS[0]]
    assert "✓ Every input row is accounted for" in text("main")

    # The second finds a new suspect, sees the old one go on, and loses two files.
    desk.receive("b.csv", 1, at=NOON + timedelta(days=1))
    desk.receive("a2.csv", 0, at=NOON + timedelta(hours=1), calls=70)
    lost = cut(desk.receive("c.csv", 2, at=NOON + timedelta(days=1)))
    refused = spoil(desk.receive("d.csv", 3, at=NOON + timedelta(days=1)))
    steps: list[Step] = []
    with clock_at(night_of(NOON, 1)):
        second = desk.night(on_step=steps.append)
    assert (second.exit_code, second.folder) == (ExitCode.PARTLY_DONE, desk.out / "2026-01-22")
    [ingested] = [step.to_dict() for step in steps if step.name == "ingest"]
    assert sorted(file["path"] for file in ingested["files"]) == sorted(map(str, (lost, refused)))
    assert all(file["error"]["message"] for file in ingested["files"])

    visit(browser, desk.out / "latest" / "report.html")
    assert browser.execute_script(FIRST) == "alarm"
    assert text(".alarm h3") == "✗ 2 files were lost: their calls are not in this report"
    colour = browser.execute_script("return getComputedStyle(document.querySelector('.alarm')).borderTopColor")
    assert colour == "rgb(180, 35, 24)"  # --CRITICAL, in light
    assert lost.name in text(".alarm") and refused.name in text(".alarm")
    assert "✓ Every input row" not in text("main") and "✓ No row was rejected" not in text("main")
    assert "✓ Nothing was lost" not in text("main")
    assert "2 files were lost" in text(".panels")
    outcomes = {Path(row[0]).name: row[1] for row in browser.execute_script(ROWS, ".files-of-night tbody tr")}
    assert outcomes["c.csv.gz"] == "✗ could not be read"
    assert outcomes["d.csv"] == "✗ refused: nothing of it was taken"
    assert outcomes["b.csv"] == outcomes["a2.csv"] == "taken"
    new, grown = browser.execute_script(
        "return [...document.querySelectorAll('#news > .scroll .news')].map(t => t.tBodies[0].textContent)"
    )
    assert SUSPECTS[1] in new and SUSPECTS[0] not in new
    assert SUSPECTS[0] in grown and "60 → " in grown
    opened = browser.execute_script(
        "return [...document.querySelectorAll('#table > tbody')].map(b => [b.dataset.opened, b.textContent])"
    )
    # The filter of the table means by new what the news do.
    assert {kind for kind, row in opened if SUSPECTS[1][-9:] in row.replace(" ", "")} == {"new"}
    assert {kind for kind, row in opened if SUSPECTS[0][-9:] in row.replace(" ", "")} == {"known"}
    beside = {row[0]: row[1:] for row in browser.execute_script(ROWS, ".beside tbody tr")}
    assert beside["Calls taken"] == ["132", "61", "–"]
    assert beside["Files lost"] == ["2", "0", "–"]
    assert browser.get_log("browser") == []
    assert {url.split("#")[0] for url in requested(browser)} == {(desk.out / "latest" / "report.html").as_uri()}

    # What is to be typed shows why.
    for command in browser.execute_script(
        "return [...document.querySelectorAll('.alarm code')].map(c => c.textContent)"
    ):
        program, *arguments = shlex.split(command)
        assert program == "sentinel-batch"
        outcome = call(*arguments)
        assert "damaged or cut short" in outcome.stderr or "invalid_caller" in outcome.stderr

    document = read(second)
    by_name = {Path(file["path"]).name: file for file in document["night"]["files"]}
    assert {name: by_name[name]["outcome"] for name in ("a2.csv", "b.csv", "c.csv.gz", "d.csv")} == {
        "a2.csv": "taken", "b.csv": "taken", "c.csv.gz": "unreadable", "d.csv": "refused",
    }  # fmt: skip
    assert {Path(file["path"]).name for file in document["lost_files"]} == {"c.csv.gz", "d.csv"}
    before = desk.out.joinpath("2026-01-22", "report.html").read_bytes()

    # The third is a rerun on the same date, and nothing came in: both are kept, and it shows no less.
    with clock_at(night_of(NOON, 1) + timedelta(hours=3)):
        third = desk.night()
    assert third.folder == desk.out / "2026-01-22-2"
    assert desk.out.joinpath("2026-01-22", "report.html").read_bytes() == before
    assert (desk.out / "latest").resolve() == third.folder.resolve()
    visit(browser, desk.out / "latest" / "report.html")
    assert "No new calls came in this night." in text(".still")
    assert "What follows is again the report of the night of Thu 22 Jan 2026, 03:00." in text(".still")
    assert text(".alarm h3") == "✗ 2 files were lost: their calls are not in this report"
    again = read(third)
    for key in ("period", "alerts_total", "by_severity", "news"):
        assert again[key] == document[key], key

    # A night that is about nothing but repaired files is a good one again, and the index has all four.
    lost.unlink()
    refused.unlink()
    desk.receive("c.csv", 2, at=NOON + timedelta(days=1))
    with clock_at(night_of(NOON, 2)):
        fourth = desk.night()
    assert fourth.exit_code == ExitCode.DONE
    visit_plain(browser, desk.out / "index.html")
    rows = browser.execute_script(ROWS, ".nights tbody tr")
    assert [row[0] for row in rows] == ["2026-01-23 03:00", "2026-01-22 06:00", "2026-01-22 03:00", "2026-01-21 03:00"]
    assert rows[0][1] == rows[3][1] == "✓ done"
    assert rows[2][1] == "✗ partly done"
    assert rows[1][1] == "✗ partly done nothing new came in"
    links = browser.execute_script(
        "return [...document.querySelectorAll('.nights a')].map(a => a.getAttribute('href'))"
    )
    assert all((desk.out / link).is_file() for link in links) and len(links) == 4
    assert len(rows[0]) == 14
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        assert browser.execute_script(SHOWN) == ["Night", "Outcome", "New alerts", "Files lost"]
        assert browser.execute_script(WIDER) == [0, 0]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert browser.get_log("browser") == []


def visit_plain(browser: Any, path: Path) -> None:  # noqa: F811
    """Open a page without a program of its own."""
    browser.get_log("browser")
    browser.get(path.as_uri())
