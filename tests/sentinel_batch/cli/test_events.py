"""The commands of ``events``, with the real scorer; queues of all kinds have their tests in ``audio_batch/events``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Call
from waiting import wait_until

import audio_batch
from audio_batch.events.signing import Signer
from tests.audio_batch.events.queues import RedisQueue
from tests.audio_batch.events.servers import answers, free_port, make_redis, running

SAMPLES = Path(audio_batch.__file__).parent / "samples"
SECRET = "a secret that only senders know"


def write_event(name: str, audio: str, kind: str = "voice_check", **fields: Any) -> bytes:
    return json.dumps({"event_id": name, "event_type": kind, "audio_path": audio} | fields).encode()


def test_simulated_events_are_processed_as_the_seed_types_them(call: Call) -> None:
    shutil.copy(SAMPLES / "call-synthetic.wav", "audio.wav")
    words = [
        "--audio",
        "audio.wav",
        "--event-type",
        "transaction_verification",
        "--customer-id",
        "CUST123",
        "--simulate",
    ]
    told = call("events", "process", *words, "--context", "amount=5", "--json")
    assert told.code == 0, told.stderr
    shown = told.document
    assert shown["customer_id"] == "CUST123"
    assert shown["event"]["context"] == {"amount": "5"}
    assert shown["decision"]["policy"] == "wire_transfer"
    assert shown["decision"]["action"] == "BLOCK"
    assert shown["schema_version"] == 1


@pytest.mark.parametrize(
    ("queue", "wrap"),
    [
        (None, lambda event: event),
        ("sqs", lambda event: {"Messages": [{"MessageId": "1", "Body": json.dumps(event)}]}),
        ("sqs", lambda event: {"Records": [{"messageId": "1", "body": json.dumps(event)}]}),
        ("rabbitmq", lambda event: {"payload": json.dumps(event), "routing_key": "x"}),
        ("kafka", lambda event: {"key": None, "value": event}),
        ("redis", lambda event: {"id": "1-0", "event": json.dumps(event)}),
        ("sqs", lambda event: event),
    ],
)
def test_an_event_is_read_bare_or_as_its_queue_shows_it(queue: str | None, wrap: Any, call: Call) -> None:
    from sentinel_batch.cli.events.process import _read_event

    event = json.loads(write_event("e-1", "audio.wav"))
    Path("event.json").write_text(json.dumps(wrap(event)))
    assert json.loads(_read_event(Path("event.json"), queue)) == event


def test_an_event_of_a_file_is_processed(call: Call) -> None:
    shutil.copy(SAMPLES / "call-human.wav", "audio.wav")
    Path("event.json").write_bytes(write_event("e-1", "audio.wav", enrollment_id=None))
    done = call(
        "events", "process", "--event-file", "event.json", "--queue-type", "sqs", "--policy-for", "login=voice_only"
    )
    assert done.code == 0, done.stderr
    assert "Action   ALLOW" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "error", "said"),
    [
        (["process"], 2, "usage", "There is no event"),
        (["process", "--simulate"], 2, "usage", "needs --audio and --event-type"),
        (["process", "--event-file", "none.json"], 4, "no_input", "cannot be read"),
        (["process", "--event-file", "bad.json"], 1, "event", "allowed: transaction_verification"),
        (["process", "--event-file", "junk.json"], 1, "event", "no JSON"),
        (["process", "--event-file", "out.json"], 1, "event", "not below the folder"),
        (["process", "--event-file", "out.json", "--policy-for", "login"], 2, "usage", "TYPE=POLICY"),
        (
            ["process", "--event-file", "out.json", "--policy-for", "logn=voice_only"],
            2,
            "audio_usage",
            "no type of event",
        ),
        (["process", "--event-file", "out.json", "--allow-host", "https://x/"], 2, "audio_usage", "cannot be allowed"),
        (["consume"], 2, "usage", "--source"),
        (["consume", "--source", "redsi://h/0"], 2, "address", "no address of a queue"),
        (["consume", "--source", "file:none.jsonl"], 2, "address", "cannot be read"),
        (["consume", "--source", "file:bad.json", "--audio-folder", "none"], 2, "usage", "is no folder"),
        (["consume", "--source", "redis://127.0.0.1:1/0?stream=x"], 1, "broker", "Redis"),
        (["consume", "--source", "amqp://127.0.0.1:1/?queue=x"], 1, "broker", "RabbitMQ"),
        (["consume", "--source", "sqs://x?endpoint=http://127.0.0.1:1&region=eu-west-1"], 1, "broker", "SQS"),
        (["listen"], 2, "audio_usage", "A secret of web hooks is missing"),
        (["listen", "--secret-file", "none"], 2, "usage", "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(words: list[str], code: int, error: str, said: str, call: Call) -> None:
    Path("bad.json").write_bytes(write_event("e", "a.wav", "cheque"))
    Path("junk.json").write_bytes(b"{")
    Path("out.json").write_bytes(write_event("e", "../a.wav"))
    failed = call("events", *words, "--json", env={"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"})
    assert failed.code == code, failed.stdout
    document = failed.document["error"]
    assert document["code"] == error
    assert said in document["message"]
    assert document["hint"] or code == 1


def test_a_file_of_events_is_worked_off_and_a_second_time_known(call: Call) -> None:
    Path("recordings").mkdir()
    for name in ("call-human.wav", "call-synthetic.wav"):
        shutil.copy(SAMPLES / name, "recordings")
    Path("events.jsonl").write_bytes(
        b"\n".join([write_event("a", "call-human.wav"), write_event("b", "call-synthetic.wav"), b"junk"])
    )
    words = ["events", "consume", "--source", "file:events.jsonl", "--results", "file:results.jsonl"]
    words += ["--audio-folder", "recordings", "--json"]
    first = call(*words)
    assert first.code == 3, first.stdout
    assert {**first.document, "failed": 0} == {
        "status": "partial", "received": 3, "processed": 2, "duplicates": 0, "failed": 0, "dead_lettered": 1,
        "published": 2, "schema_version": 1,
    }  # fmt: skip
    results = {line["event_id"]: line for line in map(json.loads, Path("results.jsonl").read_text().splitlines())}
    assert results["a"]["decision"]["action"] == "ALLOW"
    assert results["b"]["decision"]["action"] != "ALLOW"
    assert Path("data/lake/.events/events.db").stat().st_mode & 0o077 == 0
    again = call(*words)
    assert again.document["duplicates"] == 2
    assert len(Path("results.jsonl").read_text().splitlines()) == 2


@contextmanager
def _program(folder: Path, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "sentinel_batch", "events", *words, "--json"]
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_stream_is_worked_off_until_the_program_is_told_to_end(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    with running(make_redis(tmp_path / "redis")) as server:
        queue, port = RedisQueue(server), free_port()
        words = ["--audio-folder", str(SAMPLES), "--workers", "2", "--metrics-port", str(port)]
        addresses = {"SENTINEL_EVENTS_SOURCE": queue.source, "SENTINEL_EVENTS_RESULTS": queue.results}
        with _program(tmp_path, "consume", *words, **addresses) as process:
            queue.send(
                [
                    write_event("a", "call-human.wav"),
                    write_event("b", "../secret.wav"),
                    write_event("a", "call-human.wav"),
                ]
            )
            wait_until(lambda: len(queue.read_results()) == 1 and len(queue.read_dead()) == 1, "the result")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
                assert b"sentinel_voice_events_received_total" in reply.read()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    tally = json.loads(out)
    assert (tally["processed"], tally["duplicates"], tally["dead_lettered"]) == (1, 1, 1)
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["dead_letter"]


def test_signed_events_are_taken_over_http_and_worked_off(tmp_path: Path) -> None:
    port = free_port()
    signer = Signer([SECRET.encode()])

    def send(body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
        address = f"http://127.0.0.1:{port}/api/v1/voice/events"
        request = urllib.request.Request(address, body, signer.sign(body) | headers)
        try:
            with urllib.request.urlopen(request) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    words = ["--port", str(port), "--audio-folder", str(SAMPLES), "--results", "file:results.jsonl", "--quiet"]
    with _program(tmp_path, "listen", *words, SENTINEL_WEBHOOK_SECRET=SECRET) as process:
        wait_until(lambda: answers(port), "the server")
        assert send(write_event("a", "call-human.wav"))[0] == 202
        assert send(b"{}", **{"X-Sentinel-Signature": "none"})[0] == 401
        wait_until(lambda: send(write_event("a", "call-human.wav"))[1].get("result") is not None, "the result")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["processed"] == 1
    [line] = (tmp_path / "results.jsonl").read_text().splitlines()
    assert json.loads(line)["event_id"] == "a"
