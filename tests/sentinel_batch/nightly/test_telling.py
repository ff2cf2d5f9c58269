"""A night tells those who are named, once; that nobody could be told is in its outcome and on its page."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sentinel_batch.errors import ExitCode
from tests.sentinel_batch.nightly.test_nightly import Desk, metrics
from tests.sentinel_batch.notify.sinks import HttpSink, http_sink, mail_sink

pytest.importorskip("apprise", reason="apprise is not installed (test extra)")
SECRET = "s3cr3t-t0ken"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.receive("a.csv", 0)
    with (tmp_path / "sentinel.toml").open("a") as file:
        file.write('[notify]\nfloor = "LOW"\nlink = "https://desk.example/reports"\n')
    from sentinel_batch.config import load_config

    desk.config = load_config(environ={}, start=tmp_path)
    return desk


def name(monkeypatch: pytest.MonkeyPatch, *urls: str, ping: HttpSink | None = None) -> None:
    monkeypatch.setenv("SENTINEL_NOTIFY_URLS", " ".join(urls))
    if ping is not None:
        monkeypatch.setenv("SENTINEL_NOTIFY_PING", f"http://127.0.0.1:{ping.port}/{SECRET}")


def test_one_message_and_one_sign_of_life(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk.inbox / "<b>cut.csv").write_bytes(bytes(range(256)) * 40)
    with mail_sink() as mail, http_sink() as hook, http_sink() as watchdog:
        name(
            monkeypatch,
            f"mailto://127.0.0.1:{mail.port}?from=night@example.org&to=desk@example.org",
            f"json://127.0.0.1:{hook.port}/{SECRET}",
            ping=watchdog,
        )
        result = desk.night(metrics_file=desk.metrics)
        assert result.exit_code == ExitCode.PARTLY_DONE and result.folder is not None
        [received] = mail.mails
        assert "1 lost or failed, 1 new MEDIUM" in received["Subject"]
        body = json.loads(hook.requests[0][2])["message"]
        assert "+2348099999000" in body and "·b·cut.csv" in body and "<b>" not in body
        assert f"https://desk.example/reports/{result.folder.name}/report.html" in body
        assert watchdog.paths == [f"/{SECRET}"]
        page = (result.folder / "report.html").read_text()
        assert "&lt;b&gt;cut.csv" in page and "<b>cut.csv" not in page
        assert desk.night().exit_code == ExitCode.PARTLY_DONE  # the lost file is told again, the known suspect not
        assert "+2348099999000" not in json.loads(hook.requests[1][2])["message"]
    assert [d["sent"] for d in result.deliveries or ()] == [True, True, True]
    assert metrics(desk)['sentinel_nightly_messages{outcome="sent"}'] == 3
    assert_no_secret(desk)


def test_a_quiet_night_says_nothing_but_is_alive(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.night()
    with http_sink() as hook, http_sink() as watchdog:
        name(monkeypatch, f"json://127.0.0.1:{hook.port}/", ping=watchdog)
        assert desk.night().exit_code == ExitCode.DONE
    assert (hook.requests, watchdog.paths) == ([], [f"/{SECRET}"])


def test_a_quiet_night_that_lost_a_file_counts_what_is_open(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.receive("b.csv", 1)
    desk.night()
    (desk.inbox / "bad.csv").write_text("x,y\n1,2\n")
    with http_sink() as hook:
        name(monkeypatch, f"json://127.0.0.1:{hook.port}/")
        assert desk.night().exit_code == ExitCode.PARTLY_DONE
        assert desk.night(inbox=desk.root / "unmounted").exit_code == ExitCode.NO_INPUT
    told = [json.loads(request[2])["message"] for request in hook.requests]
    assert len(told) == 2 and all("open alerts of earlier nights: 2." in message for message in told)


def test_a_night_that_failed_is_told_and_the_watchdog_hears_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_sink() as hook, http_sink() as watchdog:
        name(monkeypatch, f"json://127.0.0.1:{hook.port}/", ping=watchdog)
        assert desk.night(inbox=desk.root / "unmounted").exit_code == ExitCode.NO_INPUT
        assert "THE NIGHT FAILED" in json.loads(hook.requests[0][2])["title"]
        assert watchdog.paths == [f"/{SECRET}/fail"]


def test_nobody_reached_fails_no_night_but_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_sink() as hook:
        hook.status = 503
        name(monkeypatch, f"json://127.0.0.1:{hook.port}/{SECRET}", f"json://127.0.0.1:1/{SECRET}")
        result = desk.night(metrics_file=desk.metrics)
    assert (result.status, result.exit_code) == ("success", ExitCode.DONE)
    assert next(d["reason"] for d in result.deliveries or ()) == "it answered 503"
    assert result.report is not None
    page = result.report.html.read_text()
    before = page.split('id="h-severity"')[0]
    assert "After the report was written" in before and "Telling 1 (json)" in before
    night = json.loads(result.report.json.read_text())["night"]
    assert [t["level"] for t in night["troubles"]] == ["failed", "failed"] and len(night["deliveries"]) == 2
    assert "⚠ done, worth a look" in (desk.out / "index.html").read_text()
    assert metrics(desk)['sentinel_nightly_messages{outcome="failed"}'] == 2
    assert_no_secret(desk)


def test_a_broken_template_fails_no_night_but_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    template = desk.root / "message.txt"
    template.write_text("$nobody")
    with http_sink() as hook, http_sink() as watchdog:
        name(monkeypatch, f"json://127.0.0.1:{hook.port}/", ping=watchdog)
        result = desk.night(config=desk.config.override(notify_template=template))
    assert result.exit_code == ExitCode.DONE
    assert [step.status for step in result.steps if step.name == "notify"] == ["partial"]
    assert result.report is not None and "message.txt" in result.report.html.read_text().split('id="h-severity"')[0]
    assert watchdog.paths == [f"/{SECRET}"]  # the night is alive all the same


def assert_no_secret(desk: Desk) -> None:
    for folder, _, files in os.walk(desk.root):
        for file in files:
            assert SECRET.encode() not in Path(folder, file).read_bytes(), file
