"""Messages reach real servers; those that do not are said not to, without a word of a secret."""

from __future__ import annotations

import json
import logging

import pytest

from sentinel_batch.errors import UsageError
from sentinel_batch.notify import Message, list_targets, ping_watchdog, send_message
from tests.sentinel_batch.notify.sinks import http_sink, mail_sink

pytest.importorskip("apprise", reason="apprise is not installed (test extra)")
MESSAGE = Message("2 new CRITICAL", "- CRITICAL +2348030000001: <b>a reason</b>\n")
SECRET = "s3cr3t-t0ken"


def test_a_mail_is_taken_by_a_mail_server() -> None:
    pytest.importorskip("aiosmtpd", reason="aiosmtpd is not installed (test extra)")
    with mail_sink() as sink:
        url = f"mailto://127.0.0.1:{sink.port}?from=night@example.org&to=desk@example.org"
        [delivery] = send_message(MESSAGE, {"SENTINEL_NOTIFY_URLS": url})
    assert delivery.sent, delivery
    [mail] = sink.mails
    assert mail["Subject"] == "2 new CRITICAL" and "desk@example.org" in mail["To"]
    html = mail.get_body(("html",))
    assert html is None or "<b>a reason" not in html.get_content()
    plain = mail.get_body(("plain",))
    assert plain is not None and "CRITICAL +2348030000001" in plain.get_content()


def test_a_webhook_gets_the_message_and_each_target_is_told_once() -> None:
    with http_sink() as sink, http_sink() as other:
        urls = f"json://127.0.0.1:{sink.port}/{SECRET} json://127.0.0.1:{other.port}/b"
        deliveries = send_message(MESSAGE, {"SENTINEL_NOTIFY_URLS": urls})
    assert [(d.target, d.sent) for d in deliveries] == [("1 (json)", True), ("2 (json)", True)]
    [(method, path, body)] = sink.requests
    assert (method, path) == ("POST", f"/{SECRET}")
    assert json.loads(body)["title"] == MESSAGE.title and len(other.requests) == 1


def test_a_target_that_fails_is_named_without_its_secret(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with http_sink() as sink, http_sink() as good:
        sink.status = 500
        urls = f"json://user:{SECRET}@127.0.0.1:{sink.port}/{SECRET} json://127.0.0.1:1/{SECRET} {SECRET} json://127.0.0.1:{good.port}"
        deliveries = send_message(MESSAGE, {"SENTINEL_NOTIFY_URLS": urls})
    assert [d.sent for d in deliveries] == [False, False, False, True]
    assert [d.reason for d in deliveries][:3] == [
        "it answered 500",
        "it could not be reached or did not accept it",
        "the address is not understood",
    ]
    said = json.dumps([d.to_dict() for d in deliveries]) + "".join(capfd.readouterr()) + caplog.text
    assert SECRET not in said


def test_targets_are_listed_by_kind_only() -> None:
    urls = f"slack://{SECRET}/a/b\n mailto://me:{SECRET}@example.org  nonsense"
    assert list_targets({"SENTINEL_NOTIFY_URLS": urls}) == ["1 (slack)", "2 (mailto)", "3 (no address)"]
    assert send_message(MESSAGE, {}) == []


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(UsageError, match="not installed") as caught:
        send_message(MESSAGE, {"SENTINEL_NOTIFY_URLS": "json://localhost"})
    assert "sentinel-batch[notify]" in caught.value.hint


@pytest.mark.parametrize(("failed", "path"), [(False, f"/{SECRET}"), (True, f"/{SECRET}/fail")])
def test_the_watchdog_hears_how_a_night_ended(failed: bool, path: str) -> None:
    with http_sink() as sink:
        address = f"http://127.0.0.1:{sink.port}/{SECRET}"
        delivery = ping_watchdog(failed=failed, environ={"SENTINEL_NOTIFY_PING": address})
    assert delivery is not None and delivery.sent and sink.paths == [path]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "http:/x", "http://127.0.0.1:1/x", "http://127.0.0.1:x/"])
def test_a_watchdog_that_is_not_reached_is_said_not_to_be(address: str) -> None:
    delivery = ping_watchdog(failed=False, environ={"SENTINEL_NOTIFY_PING": address})
    assert delivery is not None and not delivery.sent and delivery.reason and address not in delivery.reason


def test_no_watchdog() -> None:
    assert ping_watchdog(failed=False, environ={}) is None


def test_an_answer_that_is_an_error_is_tried_again_and_said() -> None:
    with http_sink() as sink:
        sink.status = 404
        address = f"http://127.0.0.1:{sink.port}/x"
        delivery = ping_watchdog(failed=False, environ={"SENTINEL_NOTIFY_PING": address})
    assert delivery is not None and delivery.reason == "it answered 404" and sink.paths == ["/x", "/x"]
