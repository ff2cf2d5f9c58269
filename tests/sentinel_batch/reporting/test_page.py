"""The page in a real browser: it draws, filters, survives hostile text, and touches nothing outside."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.desk import open_desk
from sentinel_batch.lake import Lake
from sentinel_batch.reporting import ReportFiles, write_report
from tests.sentinel_batch.reporting.pages import requested, visit
from tests.sentinel_batch.reporting.report_lake import GENERATED_AT, HOSTILE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hostile(make_lake: Callable[..., Lake], out: Callable[[], Path]) -> ReportFiles:
    return write_report(
        lake=open_desk(make_lake(hostile=True), timezone="Africa/Lagos"), out=out(), generated_at=GENERATED_AT
    )


@pytest.fixture(scope="module")
def plain(lake: Lake, out: Callable[[], Path]) -> ReportFiles:
    return write_report(lake=open_desk(lake, timezone="Africa/Lagos"), out=out(), generated_at=GENERATED_AT)


def shown(browser: Any) -> list[int]:
    script = (
        "return [...document.querySelectorAll('#table > tbody:not([hidden])')].map(body => Number(body.dataset.id))"
    )
    found: list[int] = browser.execute_script(script)
    return found


def open_all(browser: Any) -> None:
    browser.execute_script("document.querySelectorAll('#table > tbody th button').forEach(button => button.click())")


def test_page_is_drawn_without_errors_and_without_network(browser: Any, hostile: ReportFiles) -> None:
    visit(browser, hostile.html)
    open_all(browser)
    for name in ("severity", "heatmap", "timeline"):
        marks = browser.execute_script(f"return document.querySelectorAll('#chart-{name} svg rect').length")
        assert marks > 3, name
    assert browser.execute_script("return document.querySelectorAll('#chart-scatter .dot').length") > 12
    assert browser.get_log("browser") == []
    assert {url.split("#")[0] for url in requested(browser)} == {hostile.html.as_uri()}


def test_hostile_text_stays_text(browser: Any, hostile: ReportFiles) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    visit(browser, hostile.html)
    open_all(browser)
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert.text
    assert (
        browser.execute_script("return document.querySelectorAll('img, iframe, #owned, [onload], [onerror]').length")
        == 0
    )
    assert browser.execute_script("return document.scripts.length") == 4
    text = browser.execute_script("return document.body.textContent")
    for name in ("number", "image", "file", "reason"):
        assert HOSTILE[name] in text, name
    assert "<svg onload=alert(4)> {{7*7}} \\u202egnp.exe ${alert(5)}" in text
    assert browser.get_log("browser") == []


def test_injected_script_and_handler_are_blocked_by_the_policy(
    browser: Any, hostile: ReportFiles, tmp_path: Path
) -> None:
    """If escaping failed after all, the policy would still hold; this also shows that the console checks can fail."""
    broken = tmp_path / "report.html"
    injected = "<script>window.owned = 1</script><img src=x onerror='window.owned = 2'><p style='color:red'>x</p>"
    broken.write_text(hostile.html.read_text().replace("<main>", f"<main>{injected}", 1))
    visit(browser, broken)
    assert browser.execute_script("return window.owned") is None
    assert len([entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]]) >= 3


def test_filter_is_kept_in_the_address(browser: Any, plain: ReportFiles) -> None:
    visit(browser, plain.html)
    everything = shown(browser)
    assert len(everything) == 12
    box = browser.find_element("id", "f-text")
    box.send_keys("5550003")
    assert shown(browser) == [103]
    assert browser.execute_script("return location.hash") == "#q=5550003"
    assert browser.execute_script("return document.activeElement.id") == "f-text"
    assert browser.find_element("id", "count").text == "1 of 12 alerts"
    box.send_keys("nobody")
    assert shown(browser) == []
    assert browser.find_element("id", "nothing").is_displayed()
    browser.find_element("id", "f-reset").click()
    assert shown(browser) == everything
    assert browser.execute_script("return location.hash") == ""

    browser.find_element("css selector", "#f-severity option:nth-child(3)").click()
    browser.find_element("css selector", "th[data-key=id] button").click()
    browser.find_element("css selector", "#alert-102 button").click()
    high = shown(browser)
    assert high == sorted(high) and len(high) == 4
    fragment = browser.execute_script("return location.hash")
    visit(browser, plain.html, fragment)
    assert shown(browser) == high
    assert browser.find_element("id", "f-severity").get_attribute("value") == "HIGH"
    assert browser.find_element("css selector", "th[data-key=id]").get_attribute("aria-sort") == "ascending"
    assert browser.find_element("css selector", "#alert-102 button").get_attribute("aria-expanded") == "true"
    assert "more than 50" in browser.find_element("css selector", "#alert-102 .evidence").text
    assert browser.get_log("browser") == []


def test_every_column_sorts_both_ways(browser: Any, plain: ReportFiles) -> None:
    visit(browser, plain.html)
    for key, cell in (("calls", 4), ("average", 6), ("suspect", 2), ("first", 7)):
        column = (
            f"return [...document.querySelectorAll('#table > tbody')].map(b => b.rows[0].cells[{cell}].textContent)"
        )
        seen = []
        for _ in range(2):
            browser.find_element("css selector", f"th[data-key={key}] button").click()
            seen.append(browser.execute_script(column))
        order = sorted(seen[0], key=float if key in ("calls", "average") else str)
        assert sorted(map(str, (seen[0] == order, seen[1] == order))) == ["False", "True"], key


def test_wrong_hash_falls_back(browser: Any, plain: ReportFiles) -> None:
    visit(browser, plain.html, "#severity=%3Cscript%3E&sort=-__proto__&reviewed=x&open=999,constructor")
    assert len(shown(browser)) == 12
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_never_scrolls_sideways(browser: Any, hostile: ReportFiles, width: int) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        visit(browser, hostile.html)
        open_all(browser)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_colours_have_contrast(browser: Any, plain: ReportFiles) -> None:
    styles = (
        "const s = getComputedStyle(document.documentElement);"
        "return Object.fromEntries(['page','panel','row','text','soft','accent','good',"
        "'CRITICAL','HIGH','MEDIUM','LOW','land','sea']"
        ".map(n => [n, s.getPropertyValue('--' + n).trim()]))"
    )
    for scheme in ("light", "dark"):
        features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
        visit(browser, plain.html)
        colours = browser.execute_script(styles)
        for ink in ("text", "soft", "accent", "good", "CRITICAL", "HIGH", "MEDIUM", "LOW"):
            for paper in ("page", "panel", "row"):
                assert contrast(colours[ink], colours[paper]) >= 4.5, (scheme, ink, paper)
        assert min(contrast(colours["text"], colours[paper]) for paper in ("land", "sea")) >= 4.5, scheme
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_print_shows_every_summary_and_no_controls(browser: Any, plain: ReportFiles) -> None:
    visit(browser, plain.html)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not browser.find_element("id", "tools").is_displayed()
        assert all(row.is_displayed() for row in browser.find_elements("css selector", "#table .why"))
        assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_page_without_alerts_says_why(browser: Any, make_lake: Callable[..., Lake], out: Callable[[], Path]) -> None:
    visit(
        browser, write_report(lake=open_desk(make_lake(0), timezone="UTC"), out=out(), generated_at=GENERATED_AT).html
    )
    text = browser.find_element("tag name", "main").text
    assert "No alerts in this period" in text
    assert "3,000 calls by" in text
    assert "Detection has examined the whole period" in text
    assert browser.get_log("browser") == []


def contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        digits = re.fullmatch(r"#(?:([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})|([0-9a-f])([0-9a-f])([0-9a-f]))", colour)
        assert digits is not None, colour
        parts = [int(d if len(d) == 2 else d * 2, 16) / 255 for d in digits.groups() if d]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
