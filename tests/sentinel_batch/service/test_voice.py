"""The voice API with the real scorer: what published clients send is answered as they expect, by the local engine."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import soundfile
from running_service import RunningService, serving

import audio_batch as ab
from audio_batch.demo import SAMPLES

DETECT, VERIFY, ENROL, REPORT = "/v1/voice/deepfake", "/v1/mfa/voice/verify", "/v1/enrollment", "/v1/reports/sar"
HUMAN, SYNTHETIC = SAMPLES / "call-human.wav", SAMPLES / "call-synthetic.wav"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the recordings that the service keeps."""
    return tmp_path_factory.mktemp("night") / "kept"


@pytest.fixture(scope="module")
def service(
    _seeded_lake: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory, kept: Path
) -> Iterator[RunningService]:
    """A service with one worker for recordings, started with it."""
    settings = {"voice_workers": 1, "voice_queue": 4, "voice_keep": str(kept), "voice_upload": 2 << 20}
    yield from serving(_seeded_lake[0] / "lake", tmp_path_factory.mktemp("voice"), settings)


def send(
    client: httpx.Client, path: str, *recordings: Path | tuple[str, bytes], field: str = "audio", **texts: Any
) -> httpx.Response:
    """Post recordings as the published clients do."""
    named = [item if isinstance(item, tuple) else (item.name, item.read_bytes()) for item in recordings]
    data = {name: value if isinstance(value, str) else json.dumps(value) for name, value in texts.items()}
    return client.post(path, files=[(field, (name, content, "audio/wav")) for name, content in named], data=data)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three recordings of the bundled customer."""
    signal, rate = ab.decode(SAMPLES / "customer-enrollment.wav")
    folder = tmp_path_factory.mktemp("clips")
    paths = []
    for number, part in enumerate(np.array_split(signal, 3)):
        paths.append(folder / f"clip-{number}.wav")
        soundfile.write(paths[-1], part, rate, subtype="PCM_16")
    return paths


def test_detection_has_the_published_keys_and_the_score_of_a_batch(
    admin: httpx.Client, tmp_path: Path, kept: Path
) -> None:
    (tmp_path / "call.wav").write_bytes(SYNTHETIC.read_bytes())
    [row] = ab.run(tmp_path, workers=1).recordings.to_dicts()
    answers = [
        send(admin, DETECT, SYNTHETIC, metadata={"session_id": "s-1", "channel": "web"}),
        send(admin, "/api/detect", SYNTHETIC, field="file"),
    ]
    first, again = (one.json() for one in answers)
    assert [one.status_code for one in answers] == [200, 200]
    assert list(first)[:6] == ["score", "label", "latency_ms", "session_id", "model_version", "recommended_action"]
    assert first["score"] == again["score"] == row["score"] and first["label"] == row["label"] == "likely_synthetic"
    assert first["recommended_action"] == "defer_to_review" and first["undetermined"] is False
    assert first["splices"] == again["splices"] == json.loads(row["splices"]) == []
    assert first["session_id"] == "s-1" and again["session_id"] == row["session_id"]
    assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= set(answers[0].headers)
    assert [path.read_bytes() == SYNTHETIC.read_bytes() for path in kept.glob("*call-synthetic.wav")] == [True]
    assert send(admin, DETECT, HUMAN).json()["recommended_action"] == "allow"


def test_features_and_reasons_on_demand(admin: httpx.Client) -> None:
    plain = send(admin, DETECT, SYNTHETIC).json()
    full = send(admin, DETECT, SYNTHETIC, extract_features="true", include_reason_codes="true").json()
    assert full["score"] == plain["score"] and "dsp_features" not in plain and "reason_codes" not in plain
    assert full["reason_codes"] == list(full["feature_contributions"]) and full["reason_codes"]
    measured = send(admin, "/v1/voice/features", SYNTHETIC, mode="features_only").json()
    assert measured == full["dsp_features"] and measured["sample_rate"] == 8000
    assert measured["jitter_percent"] == pytest.approx(100 * measured["jitter_local"])
    assert len(measured["formant_frequencies"]) == 3 and len(measured) > 200


def test_what_cannot_be_labelled_says_so_and_keeps_a_number(admin: httpx.Client, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(5 * 16000), 16000, subtype="PCM_16")
    found = send(admin, DETECT, tmp_path / "silence.wav").json()
    assert 0 <= found["score"] <= 1 and found["label"] == "uncertain"
    assert found["undetermined"] is True and found["abstention"] and found["recommended_action"] == "defer_to_review"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "empty_file"),
        (b"fake audio data" * 100, 415, "not_audio"),
        (b"<html><body>no</body></html>", 415, "not_audio"),
        (HUMAN.read_bytes()[:44], 422, "truncated"),
        (b"\0" * (3 << 20), 413, "payload_too_large"),
    ],
)
def test_what_is_no_recording_is_refused(
    admin: httpx.Client, service: RunningService, content: bytes, status: int, code: str
) -> None:
    refused = send(admin, DETECT, ("call.wav", content))
    body = refused.json()
    assert (refused.status_code, body["code"]) == (status, code)
    assert list(body)[:2] == ["error", "message"] and body["message"]
    assert str(service.lake) not in refused.text and "uploads" not in refused.text


def test_requests_that_are_not_as_published(admin: httpx.Client, service: RunningService) -> None:
    assert admin.post(DETECT, content=b"RIFF", headers={"Content-Type": "audio/wav"}).status_code == 415
    assert admin.post(DETECT, data={"metadata": "{}"}).status_code == 400
    assert admin.post(DETECT).status_code == 400
    assert (
        admin.post(DETECT, files={"other": ("a.wav", b"x")}).json()["message"] == "Missing 'audio' or 'file' in request"
    )
    broken = send(admin, DETECT, HUMAN, metadata="{")
    assert broken.status_code == 400 and "metadata" in broken.json()["message"]
    assert send(admin, DETECT, HUMAN, metadata={"session_id": "a\nb"}).status_code == 400
    assert admin.get(DETECT).json()["error"] == "Method not allowed"
    with service.client("reader") as reader:
        refused = send(reader, DETECT, HUMAN)
        assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden")
    with service.client("ingest") as ingest:
        assert send(ingest, ENROL, HUMAN).status_code == 403
    wrong = httpx.post(service.url + DETECT, headers={"Authorization": "Bearer wrong"}, files={"audio": b"x"})
    assert wrong.status_code == 401 and wrong.json()["error"] == "Unauthorized"
    assert httpx.head(service.url + DETECT, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert admin.head(DETECT).status_code == 405


def test_messages_as_published(admin: httpx.Client, service: RunningService) -> None:
    unnamed = httpx.post(service.url + DETECT).json()
    assert (unnamed["error"], unnamed["message"]) == ("Unauthorized", "Missing or invalid Authorization header")
    for headers in ({"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"}):
        wrong = httpx.post(service.url + DETECT, headers=headers).json()
        assert wrong["message"] == "Invalid API key" and "Bearer KEY" in wrong["hint"]
    unknown = admin.post("/v1/voice/nothing")
    assert unknown.status_code == 404 and list(unknown.json())[:2] == ["error", "message"]
    assert send(admin, DETECT, ("call.wav", b"")).json()["message"] == "Audio file is empty"


def test_form_that_is_sent_in_pieces(admin: httpx.Client) -> None:
    """As axios sends it: without a length, and JSON parts with a type of their own."""
    head = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    tail = (
        b'\r\n--x\r\nContent-Disposition: form-data; name="metadata"\r\nContent-Type: application/json\r\n\r\n'
        b'{"session_id":"node-1"}\r\n--x--\r\n'
    )
    pieces = iter((head, HUMAN.read_bytes(), tail))
    found = admin.post(DETECT, content=pieces, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert found.status_code == 200 and found.json()["session_id"] == "node-1"


def test_enrolment_in_one_go_then_verification(admin: httpx.Client, service: RunningService, clips: list[Path]) -> None:
    made = send(admin, "/v1/mfa/voice/enroll", *clips, field="audio_samples", user_id="user-1", enrollment_id="ada")
    assert made.status_code == 201
    body = made.json()
    assert list(body)[:5] == ["enrollment_id", "status", "samples_required", "samples_collected", "message"]
    assert (body["enrollment_id"], body["status"], body["samples_collected"]) == ("ada", "active", 3)
    assert body["user_id"] == "user-1" and body["created_at"]
    taken = send(admin, ENROL, clips[0], enrollment_id="ada")
    assert (taken.status_code, taken.json()["error"]) == (409, "Conflict")

    human = send(admin, VERIFY, HUMAN, enrollment_id="ada", context={"session_id": "mfa-1"}).json()
    assert list(human)[:4] == ["verified", "enrollment_id", "confidence", "session_id"]
    assert human["verified"] is True and human["session_id"] == "mfa-1" and human["confidence"] > 0.9
    other = send(admin, VERIFY, SYNTHETIC, enrollment_id="ada").json()
    assert other["verified"] is False and other["recommended_action"] == "defer_to_review" and other["reasons"]
    cut = send(admin, VERIFY, ("call.wav", HUMAN.read_bytes()[:-3000]), enrollment_id="ada").json()
    assert (cut["verified"], cut["abstention"]) == (False, "invalid_recording") and cut["confidence"] > 0.9
    assert cut["reasons"][0].startswith("spoof_check_abstained")
    sample = base64.b64encode(HUMAN.read_bytes()).decode()
    asked = {"voice_sample": sample, "transaction_id": "TXN1", "customer_id": "ada", "channel": "app", "amount_usd": 5}
    later = admin.post("/api/authenticate", json=asked).json()
    assert (later["verified"], later["confidence"]) == (True, human["confidence"])
    assert later["session_id"] == "TXN1"
    told = {"transaction_id": "TXN1", "customer_id": "ada", "activity_type": "fraud", "activity_description": "Odd"}
    drafted = admin.post("/api/sar/generate", json=told | {"compliance_action": "escalate"}).json()
    assert drafted["session_id"] == "TXN1" and drafted["decision"] == "review" and drafted["recording_sha256"]
    for wrong in ({}, {"voice_sample": "%"}, {"voice_sample": sample}, {"voice_sample": sample, "context": 3}):
        assert admin.post("/api/authenticate", json=wrong).status_code == 400
    # The command line has the same store.
    store = service.lake / ".service" / "voice" / "voiceprints"
    assert [one.enrollment_id for one in ab.list_enrollments(store)] == ["ada"]


def test_enrolment_one_by_one(admin: httpx.Client, service: RunningService, clips: list[Path]) -> None:
    first = send(admin, ENROL, clips[0]).json()
    assert (first["status"], first["samples_collected"], first["samples_required"]) == ("pending", 1, 3)
    enrollment_id = first["enrollment_id"]
    assert send(admin, VERIFY, HUMAN, enrollment_id=enrollment_id).status_code == 404
    twice = send(admin, ENROL, clips[0], enrollment_id=enrollment_id)
    assert (twice.status_code, twice.json()["code"]) == (422, "same_recording")
    assert send(admin, ENROL, clips[1], enrollment_id=enrollment_id).json()["samples_collected"] == 2
    synthetic = send(admin, ENROL, SYNTHETIC, enrollment_id=enrollment_id)
    assert synthetic.status_code == 422 and enrollment_id in synthetic.json()["message"]
    assert str(service.lake) not in synthetic.text and "samples" not in synthetic.text
    last = send(admin, ENROL, clips[2], enrollment_id=enrollment_id).json()
    assert (last["status"], last["samples_collected"]) == ("active", 3)
    samples = service.lake / ".service" / "voice" / "samples"
    assert list(samples.iterdir()) == []


def test_verification_needs_somebody(admin: httpx.Client) -> None:
    assert send(admin, VERIFY, HUMAN).json()["message"] == "Missing enrollment identifier"
    nobody = send(admin, VERIFY, HUMAN, enrollment_id="nobody")
    assert nobody.status_code == 404 and "nobody" in nobody.json()["message"]


def test_report_is_a_draft_of_what_was_heard(admin: httpx.Client, service: RunningService) -> None:
    heard = send(admin, DETECT, SYNTHETIC, metadata={"session_id": "case-1", "customer_id": "CUST789"}).json()
    asked = {"session_id": "case-1", "decision": "review", "reason": "High risk", "metadata": {"amount": 75000}}
    made = admin.post(REPORT, json=asked, headers={"Idempotency-Key": "k-1"})
    body = made.json()
    assert made.status_code == 200 and list(body)[:4] == ["status", "case_id", "session_id", "submitted_at"]
    assert (body["status"], body["draft"], body["filed"], body["session_id"]) == ("submitted", True, False, "case-1")
    folder = service.lake / ".service" / "voice" / "drafts" / body["case_id"]
    draft = json.loads((folder / "sar.json").read_text())
    assert draft["status"] == "draft" and draft["decision"] == "review"
    assert f"{heard['score']:.3f}" in draft["narrative"]
    assert draft["record"]["customer_id"] == "CUST789" and draft["record"]["amount"] == 75000
    again = admin.post(REPORT, json=asked, headers={"Idempotency-Key": "k-1"}).json()
    assert again == body | {"repeated": True}
    other = admin.post(REPORT, json=asked | {"reason": "Another"}, headers={"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert admin.post("/api/sar/generate", json=asked).json()["case_id"] == body["case_id"]


@pytest.mark.parametrize("decision", ["allow", "deny", "review"])
def test_report_on_a_session_that_was_not_heard(admin: httpx.Client, service: RunningService, decision: str) -> None:
    body = admin.post(REPORT, json={"session_id": f"x-{decision}", "decision": decision, "reason": "Test"}).json()
    assert body["status"] == "submitted" and body["recording_sha256"] is None
    narrative = service.lake / ".service" / "voice" / "drafts" / body["case_id"] / "narrative.txt"
    assert "no_recording" in narrative.read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": ""}, "Missing required fields: session_id, decision, reason"),
        ({"decision": "perhaps"}, "Invalid decision"),
        ({"session_id": ["a"]}, "session_id is"),
        ({"reason": "x" * 4001}, "reason is not"),
        ({"metadata": [1]}, "metadata is not"),
    ],
)
def test_reports_are_checked(admin: httpx.Client, change: dict[str, Any], said: str) -> None:
    refused = admin.post(REPORT, json={"session_id": "a", "decision": "review", "reason": "b"} | change)
    assert refused.status_code == 400 and said in refused.json()["message"]
    assert admin.post(REPORT, content=b"{").status_code == 400
    assert admin.post(REPORT, content=b"[]").json()["error"] == "Bad request"


def test_health_as_published(service: RunningService) -> None:
    health = httpx.get(f"{service.url}/health").json()
    assert list(health) == ["status", "service", "version", "timestamp"] and health["status"] == "healthy"


def test_a_worker_that_dies_costs_its_own_recording_only(admin: httpx.Client, service: RunningService) -> None:
    def find_worker() -> psutil.Process:
        [found] = [
            one
            for one in psutil.Process(service.process.pid).children(recursive=True)
            if "sentinel_batch.service.voice.worker" in one.cmdline()
        ]
        return found

    # Stopped, so that the recording is surely under way when it is killed.
    worker = find_worker()
    os.kill(worker.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(2) as threads:
        lost = threads.submit(send, admin, DETECT, HUMAN)
        metrics = "sentinel_voice_present 1.0"
        while metrics not in admin.get("/metrics").text:
            time.sleep(0.05)
        waits = threads.submit(send, admin, DETECT, SYNTHETIC)
        while "sentinel_voice_waiting 1.0" not in admin.get("/metrics").text:
            time.sleep(0.05)
        os.kill(worker.pid, signal.SIGKILL)
        body = lost.result().json()
        assert (lost.result().status_code, body["error"]) == (500, "Internal server error")
        assert "SIGKILL" in body["message"]
        assert waits.result().json()["label"] == "likely_synthetic"
    assert find_worker().pid != worker.pid


def test_more_than_can_wait_is_told_to_come_again(admin: httpx.Client) -> None:
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: send(admin, DETECT, SYNTHETIC), range(12)))
    statuses = [one.status_code for one in answers]
    assert set(statuses) == {200, 503}
    refused = next(one for one in answers if one.status_code == 503)
    assert refused.json()["error"] == "Service unavailable" and int(refused.headers["retry-after"]) > 0
    assert len({one.json()["score"] for one in answers if one.status_code == 200}) == 1
