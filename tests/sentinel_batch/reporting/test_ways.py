"""Ways through the page in a real browser: filters, links, searches, every call of an alert, paper."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sentinel_batch.alerts import list_alerts
from sentinel_batch.desk import open_desk
from sentinel_batch.lake import Lake
from sentinel_batch.reporting import ReportFiles, write_report
from tests.sentinel_batch.reporting.pages import visit
from tests.sentinel_batch.reporting.report_lake import BEGIN, GENERATED_AT, fill, mixed_alerts, rows

pytestmark = pytest.mark.browser

LABELS = """
const boxes = [...document.querySelectorAll(arguments[0])]
  .filter(e => e.textContent.trim() && e.getClientRects().length).map(e => [e.textContent, e.getBoundingClientRect()]);
const hit = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
return boxes.flatMap(([text, a], n) => boxes.slice(n + 1).filter(([, b]) => hit(a, b)).map(([other]) => [text, other]));
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Fourteen alerts of two rules; the first two suspects are a case; the latest three were opened a day later."""
    alerts = mixed_alerts(14)
    for nth, row in enumerate(alerts):
        row["detection_rule"] = "SDHF_001" if nth % 3 else "SIMBOX_RATIO"
        row["created_at"] = GENERATED_AT if nth in (1, 2, 5) else GENERATED_AT - timedelta(days=1)
    alerts[0]["evidence_summary"] = "4 numbers that +2348035550000 had rung and cut called it back. " * 12
    lake = fill(Lake.create(tmp_path_factory.mktemp("lake") / "lake"), alerts)
    known = {"case_id": 7, "severity": "HIGH", "content_id": "case-7", "call_count": 9, "minutes": 4.0, "loss": 82.0}
    span = {"first_seen": BEGIN, "last_seen": BEGIN + timedelta(hours=9)}
    counts = {"member_count": 2, "link_count": 1, "alert_count": 2, "recidivism": 0, "currency": "NGN"}
    members = [{**known, "number": alerts[nth]["suspect_number"], "rules": "SDHF_001"} for nth in (0, 1)]
    lake.append("case_members", rows("case_members", members))
    lake.append("cases", rows("cases", [{**known, **counts, "status": "open", **span}]), commit_id="case-7")
    return lake


@pytest.fixture(scope="module")
def page(night: Lake, tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    desk = open_desk(night, timezone="Africa/Lagos")
    return write_report(lake=desk, out=tmp_path_factory.mktemp("out"), generated_at=GENERATED_AT)


def shown(browser: Any) -> list[int]:
    script = "return [...document.querySelectorAll('#table > tbody:not([hidden])')].map(b => Number(b.dataset.id))"
    return sorted(browser.execute_script(script))


def choose(browser: Any, name: str, value: str) -> None:
    browser.execute_script(
        "const c = document.getElementById(arguments[0]); c.value = arguments[1]; c.dispatchEvent(new Event('change'))",
        f"f-{name}", value,
    )  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    [
        "+2348035550003", "2348035550003", "08035550003", "0803 555 0003", "+234 803-555.0003", "00234 803 5550003",
        "(0803) 555 0003", "  5550003 ",
    ],
)  # fmt: skip
def test_a_number_is_found_however_it_is_written(browser: Any, page: ReportFiles, typed: str) -> None:
    visit(browser, page.html)
    browser.find_element("id", "f-text").send_keys(typed)
    assert shown(browser) == [103]


def test_a_number_that_begins_otherwise_is_not_found(browser: Any, page: ReportFiles) -> None:
    visit(browser, page.html)
    for typed in ("0905550003", "+235 803 555 0003", "08035550003 7"):
        browser.find_element("id", "f-text").clear()
        browser.find_element("id", "f-text").send_keys(typed)
        assert shown(browser) == [], typed


@pytest.mark.parametrize("typed", ["0803*", "08035550003*", "+234803555*", "00234 803*", "5550003*", "2348*", "+1*"])
def test_a_prefix_finds_what_the_command_line_finds(browser: Any, page: ReportFiles, night: Lake, typed: str) -> None:
    listed = list_alerts(lake=night, suspect=typed)["id"].to_list()
    assert bool(listed) is typed.startswith(("0", "+23", "23"))
    visit(browser, page.html)
    browser.find_element("id", "f-text").send_keys(typed)
    assert shown(browser) == sorted(listed)


def test_alerts_are_filtered_by_rule_case_and_newness(browser: Any, page: ReportFiles) -> None:
    visit(browser, page.html)
    choose(browser, "rule", "SIMBOX_RATIO")
    assert shown(browser) == [100, 103, 106, 109]
    assert browser.execute_script("return location.hash") == "#rule=SIMBOX_RATIO"
    choose(browser, "rule", "")
    choose(browser, "group", "case-7")
    assert shown(browser) == [100, 101]
    choose(browser, "opened", "new")
    assert shown(browser) == [101]
    choose(browser, "group", "none")
    assert shown(browser) == [102, 105]
    choose(browser, "opened", "known")
    assert shown(browser) == [103, 104, 106, 107, 108, 109, 110, 111]
    fragment = browser.execute_script("return location.hash")
    visit(browser, page.html, fragment)
    assert len(shown(browser)) == 8
    assert browser.find_element("id", "f-opened").get_attribute("value") == "known"


def test_tiles_charts_and_cases_lead_to_their_alerts(browser: Any, page: ReportFiles) -> None:
    visit(browser, page.html)
    browser.find_element("css selector", ".tile.CRITICAL a").click()
    assert shown(browser) == [100, 108]
    assert browser.execute_script("return document.activeElement.id") == "alerts"
    assert (
        browser.execute_script("return Math.abs(document.getElementById('alerts').getBoundingClientRect().top)") < 900
    )
    number = browser.find_element(
        "css selector", "#chart-severity a[data-filter='rule=SIMBOX_RATIO&severity=CRITICAL']"
    )
    assert number.text == "1"
    browser.execute_script("arguments[0].click()", number)
    assert shown(browser) == [100]
    browser.execute_script("document.querySelector(\"#case-7 a[data-filter='group=case-7']\").click()")
    assert shown(browser) == [100, 101]
    browser.execute_script("document.querySelector('#case-7 table a[data-filter]').click()")
    assert len(shown(browser)) == 1
    assert browser.get_log("browser") == []


def test_an_alert_leads_to_its_case_and_a_suspect_to_its_alert(browser: Any, page: ReportFiles) -> None:
    visit(browser, page.html, "#rule=SDHF_001")
    assert browser.find_element("css selector", "#alert-101 .belongs a").get_attribute("hash") == "#case-7"
    link = browser.find_element("css selector", ".ranked a[href='#alert-100']")
    browser.execute_script("arguments[0].click()", link)
    opened = browser.find_element("css selector", "#alert-100 button")
    assert opened.get_attribute("aria-expanded") == "true"
    assert len(shown(browser)) == 12, "a filter that hid the alert gives way"
    assert browser.find_element("css selector", "#alert-100 .why p").text.count("had rung and cut called it back") == 12
    visit(browser, page.html, "#alert-104")
    assert browser.find_element("css selector", "#alert-104 button").get_attribute("aria-expanded") == "true"


def test_every_call_of_an_alert_is_in_the_page(browser: Any, page: ReportFiles, night: Lake) -> None:
    visit(browser, page.html, "#open=102")
    browser.set_script_timeout(20)
    found = browser.execute_async_script(
        """
        const done = arguments[0], every = document.querySelector('#alert-102 .every');
        every.querySelector('button').click();
        const wait = () => {
          const body = every.querySelector('table tbody');
          if (!body) return setTimeout(wait, 20);
          done([...body.rows].map(row => [...row.cells].map(cell => cell.textContent)));
        };
        wait();
        """
    )
    alert = mixed_alerts(14)[2]
    calls = night.snapshot().scan("call_records").filter(pl.col("caller_number") == alert["suspect_number"]).collect()
    moment = pl.col("call_timestamp").dt.convert_time_zone("Africa/Lagos").dt.strftime("%Y-%m-%d %H:%M:%S")
    inside = (pl.col("call_timestamp") > alert["window_start"]) & (pl.col("call_timestamp") <= alert["window_end"])
    expected = (
        calls.filter(inside)
        .sort("call_timestamp")
        .select(moment, "callee_number", pl.col("duration_seconds").cast(str))
    )
    assert len(found) == expected.height > 100
    assert [tuple(row[:3]) for row in found] == expected.rows()
    commands = browser.execute_script(
        "return [...document.querySelectorAll('#alert-102 .every code')].map(code => code.textContent)"
    )
    assert commands[0] == "sentinel-batch explain 102 --calls calls-102.csv"
    assert browser.get_log("browser") == []


def test_a_command_is_copied_or_at_least_selected(browser: Any, page: ReportFiles) -> None:
    visit(browser, page.html)
    browser.execute_script("document.querySelector('#case-7 .copy button').click()")
    for _ in range(50):
        said = browser.find_element("css selector", "#case-7 .copy button").text
        if said != "Copy":
            break
    assert said in ("Copied", "Selected")


def test_the_zone_is_said_once_and_no_time_is_in_another(browser: Any, page: ReportFiles) -> None:
    visit(browser, page.html)
    browser.execute_script("document.querySelectorAll('#table > tbody th button').forEach(button => button.click())")
    text = browser.find_element("tag name", "body").get_attribute("innerText")
    assert text.count("Africa/Lagos") == 1
    assert "UTC" not in text


@pytest.mark.parametrize("width", [400, 1280])
def test_no_word_of_a_chart_lies_on_another(
    browser: Any, make_lake: Callable[..., Lake], tmp_path: Path, width: int
) -> None:
    lake = make_lake(0)
    alerts = mixed_alerts(62)[:60]
    for nth, row in enumerate(alerts):
        row["detection_rule"] = f"A_RULE_OF_MANY_LETTERS_{nth % 20:02}"
    lake.append("fraud_alerts", rows("fraud_alerts", alerts))
    written = write_report(lake=open_desk(lake, timezone="Africa/Lagos"), out=tmp_path, generated_at=GENERATED_AT)
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        visit(browser, written.html)
        for chart in ("severity th", "heatmap th", "heatmap .ends span", "scatter text"):
            name, what = chart.split(" ", 1)
            assert browser.execute_script(LABELS, f"#chart-{name} {what}") == [], chart
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_contents_name_every_section(browser: Any, page: ReportFiles) -> None:
    visit(browser, page.html)
    named = [link.get_attribute("hash")[1:] for link in browser.find_elements("css selector", ".contents a")]
    headings = browser.execute_script("return [...document.querySelectorAll('main h2:not(.quiet)')].map(h => h.id)")
    assert named == headings and {"alerts", "cases", "queue"} <= set(named)


def test_on_paper_there_are_headers_contents_and_whole_words(browser: Any, page: ReportFiles) -> None:
    visit(browser, page.html)
    styles = browser.execute_script("return document.querySelector('style').textContent")
    assert '@top-left { content: "Fraud alerts, 22 Jan' in styles and "counter(page)" in styles
    metrics = {"width": 700, "height": 1000, "deviceScaleFactor": 1, "mobile": False}  # As wide as A4 prints.
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert browser.find_element("id", "h-contents").is_displayed()
        assert not browser.find_element("css selector", ".copy button").is_displayed()
        rule = browser.find_element("css selector", "#alert-100 td:nth-child(4)")
        assert rule.text == "SIMBOX_RATIO"
        lines = "const r = document.createRange(); r.selectNodeContents(arguments[0]); return r.getClientRects().length"
        assert browser.execute_script(lines, rule) == 1, "the name of a rule is broken"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert printed.count(b"/Type /Page\n") >= 3
