"""``notify test`` shows the message and whom it would reach, and sends it only when asked to."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Call
from tests.sentinel_batch.notify.sinks import http_sink

pytest.importorskip("apprise", reason="apprise is not installed (test extra)")
SECRET = "s3cr3t-t0ken"


def test_a_dry_run_sends_nothing_and_prints_no_secret(call: Call) -> None:
    with http_sink() as sink:
        url = f"json://127.0.0.1:{sink.port}/{SECRET}"
        done = call("notify", "test", env={"SENTINEL_NOTIFY_URLS": url, "SENTINEL_NOTIFY_PING": f"http://x/{SECRET}"})
    assert done.code == 0 and sink.requests == []
    assert "1 new CRITICAL" in done.stdout and "Targets  1 (json), watchdog" in done.stdout
    assert "notify test --send" in done.stderr and SECRET not in done.stdout + done.stderr


def test_sent_to_real_servers(call: Call) -> None:
    with http_sink() as hook, http_sink() as watchdog:
        env = {
            "SENTINEL_NOTIFY_URLS": f"json://127.0.0.1:{hook.port}/{SECRET}",
            "SENTINEL_NOTIFY_PING": f"http://127.0.0.1:{watchdog.port}/{SECRET}",
        }
        done = call("notify", "test", "--send", "--json", env=env)
    assert done.code == 0
    assert [entry["sent"] for entry in done.document["deliveries"]] == [True, True]
    assert json.loads(hook.requests[0][2])["title"] == done.document["message"]["title"]
    assert watchdog.paths == [f"/{SECRET}"] and SECRET not in done.stdout + done.stderr


def test_who_is_not_reached_is_an_error(call: Call) -> None:
    done = call("notify", "test", "--send", env={"SENTINEL_NOTIFY_URLS": f"json://127.0.0.1:1/{SECRET}"})
    assert done.code == 1
    assert "Error: 1 (json): it could not be reached" in done.stderr and SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("options", [[], ["--send"]])
def test_nobody_to_send_to(call: Call, options: list[str]) -> None:
    done = call("notify", "test", *options)
    assert done.code == 2 and "export SENTINEL_NOTIFY_URLS=" in done.stderr
    assert ("1 new CRITICAL" in done.stdout) == (not options)  # The message can be looked at all the same.
    assert call("notify", "test", *options, "--json").document["error"]["code"] == "usage"


@pytest.mark.parametrize(
    ("urls", "ping", "said"),
    [
        (f"json://127.0.0.1 {SECRET}", "", "Target 2 (no address): the address is not understood."),
        (f"nosuch://{SECRET}", "", "Target 1 (nosuch): the address is not understood."),
        ("", f"ftp://{SECRET}", "Watchdog: the address is not http:// or https://."),
    ],
)
def test_an_address_that_reaches_nobody_fails_the_dry_run(call: Call, urls: str, ping: str, said: str) -> None:
    done = call("notify", "test", env={"SENTINEL_NOTIFY_URLS": urls, "SENTINEL_NOTIFY_PING": ping})
    assert done.code == 2 and said in done.stderr and "export SENTINEL_NOTIFY_URLS=" in done.stderr
    assert SECRET not in done.stdout + done.stderr
