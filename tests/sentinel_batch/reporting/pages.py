"""Pages in a browser: to open one, and what it asked the network for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any


def visit(browser: Any, path: Path, fragment: str = "") -> None:
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri() + fragment)
    deadline = time.monotonic() + 30
    while not browser.execute_script("return document.documentElement.classList.contains('js')"):
        assert time.monotonic() < deadline, browser.get_log("browser")
        time.sleep(0.05)


def requested(browser: Any) -> set[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    return {url for url in urls if not url.startswith(("about:", "data:"))}
