"""Answers as verdicts: what servers leave out, and what failures are called."""

from __future__ import annotations

import pytest
import requests
from api_server import KEY, ApiServer

from audio_batch.errors import AudioUsageError, RemoteScorerError
from audio_batch.remote import (
    CircuitOpenError,
    HealthMonitor,
    SonotheiaClient,
    UnusableAnswerError,
    follow_golden_path,
    score_remotely,
    to_verdict,
    to_verification,
)
from audio_batch.remote.scoring import name_failure, verify_remotely
from audio_batch.routing import route

FULL = {
    "score": 0.2,
    "label": "likely_real",
    "latency_ms": 5,
    "session_id": "s",
    "confidence": 0.9,
    "model_version": "m",
}


def test_a_full_answer() -> None:
    verdict = to_verdict(FULL, "a.wav", sha256="0" * 64, duration=3.0)
    assert (verdict.score, verdict.confidence, verdict.session_id, verdict.model_version) == (0.2, 0.9, "s", "m")
    assert verdict.abstention is None and verdict.notices == () and verdict.duration == 3.0


@pytest.mark.parametrize(("score", "confidence"), [(0.05, 0.95), (0.5, 0.5), (0.9, 0.9)])
def test_without_confidence_the_score_speaks(score: float, confidence: float) -> None:
    verdict = to_verdict({"score": score, "label": "likely_real", "confidence": "high"}, "a")
    assert verdict.confidence == confidence and "no confidence" in verdict.notices[0]


@pytest.mark.parametrize("label", ["uncertain", "fake", "LIKELY_REAL"])
def test_who_is_uncertain_abstains(label: str) -> None:
    verdict = to_verdict({**FULL, "label": label}, "a")
    assert (verdict.label, verdict.abstention) == ("uncertain", "remote_uncertain")
    assert route(verdict, policy="voice_only").action == "ESCALATE_TO_HUMAN"
    assert to_verdict({**FULL, "label": label, "abstention": "low_snr"}, "a").abstention == "low_snr"


def test_a_verification() -> None:
    found = to_verification({"verified": True, "enrollment_id": "e", "confidence": 1}, "a", spoof_score=0.1)
    assert found.verified and found.channel_match and found.log_likelihood_ratio > 20
    found = to_verification(
        {"verified": False, "enrollment_id": "e", "confidence": 0.5, "channel_match": False, "reasons": ["x"]}, "a"
    )
    assert not found.channel_match and found.reasons == ("x",) and found.log_likelihood_ratio == 0


def _error(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(str(status), response=response)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (_error(401), "remote_key_refused"),
        (_error(403), "remote_key_refused"),
        (_error(400), "remote_refused"),
        (_error(413), "remote_refused"),
        (_error(429), "remote_busy"),
        (_error(500), "remote_failed"),
        (CircuitOpenError("", retry_after=1), "remote_circuit_open"),
        (UnusableAnswerError("?"), "remote_unusable_answer"),
        (requests.ReadTimeout(), "remote_timed_out"),
        (requests.ConnectionError(), "remote_unreachable"),
    ],
)
def test_names_of_failures(error: Exception, code: str) -> None:
    found, message = name_failure(error)
    assert found == code and message


def test_scoring_with_and_without_somebody_behind(api: ApiServer, audio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AudioUsageError, match="API key"):
        score_remotely(audio, metadata={}, otherwise=None)
    monkeypatch.setenv("SONOTHEIA_API_KEY", KEY)
    monkeypatch.setenv("SONOTHEIA_API_URL", api.url)
    here = to_verdict(FULL, "here")
    found = score_remotely(audio, metadata={"call_id": "c"}, otherwise=lambda: here)
    assert (found.scorer, found.fallback, found.verdict.score) == ("remote", None, 0.12)
    api.script = [413]
    found = score_remotely(audio, metadata={}, otherwise=lambda: here)
    assert found.verdict is here and found.scorer == "local" and found.fallback.startswith("remote_refused: 413")
    for script, otherwise, code in ((413, None, "remote_refused"), (401, lambda: here, "remote_key_refused")):
        api.script = [script]
        with pytest.raises(RemoteScorerError) as caught:
            score_remotely(audio, metadata={}, otherwise=otherwise)
        assert caught.value.details["reason"] == code
    api.script = [500]
    with pytest.raises(RemoteScorerError):
        verify_remotely(audio, "e", context={})
    assert verify_remotely(audio, "e", context={}).verified


def test_health_of_servers_that_answer_oddly(client: SonotheiaClient, api: ApiServer) -> None:
    def answer(health: tuple, scoring: int):
        def misbehave(handler, seen) -> bool:
            handler.reply(*health) if seen.path == "/health" else handler.reply(scoring, {}, b"{}")
            return True

        api.misbehave = misbehave
        return client.health()

    assert answer((200, {}, b"not json"), 405)["healthy"]
    assert answer((200, {}, b"[]"), 429)["connectivity"]["details"] is None
    assert answer((500, {}, b""), 400)["connectivity"]["error"] == "The server answered 500"
    assert not answer((200, {}, b"{}"), 404)["authentication"]["healthy"]
    assert "refused the key (403)" in answer((200, {}, b"{}"), 403)["authentication"]["error"]
    gone = SonotheiaClient(KEY, "http://127.0.0.1:1").health()
    assert not gone["healthy"] and gone["connectivity"]["error"].startswith("ConnectionError")


def test_the_monitor_counts_and_keeps_its_interval(clock) -> None:
    class Sick:
        def health(self) -> dict:
            clock.time += 2
            return {"healthy": False, "connectivity": {"latency_ms": 12.5}}

    monitor = HealthMonitor(Sick(), clock=clock)
    assert "sonotheia_api_health 0\n" in monitor.write_metrics()
    told: list[dict] = []
    monitor.watch(10, told.append, times=3)
    assert clock.sleeps == [8, 8] and len(told) == 3
    text = monitor.write_metrics()
    assert "sonotheia_api_errors_total 3\n" in text and "sonotheia_api_latency_ms 12.5\n" in text


@pytest.mark.parametrize("status", [404, 503])
def test_a_verification_that_failed_allows_nothing(
    client: SonotheiaClient, api: ApiServer, audio: str, status: int
) -> None:
    assert follow_golden_path(client, audio)["decision"]["route"] == "ALLOW"
    api.misbehave = lambda handler, seen: "/mfa/" in seen.path and not handler.reply(status, {}, b"{}")
    decision = follow_golden_path(client, audio, enrollment_id="e")["decision"]
    assert decision["route"] == "REQUIRE_STEP_UP" and decision["reasons"] == ["verification_unanswered"]
    assert decision["policy"]["missing_inputs"] == ["verification"]
    assert str(status) in decision["explainability"]["human_summary"]


def test_the_golden_path_reports_only_if_told(client: SonotheiaClient, api: ApiServer, audio: str) -> None:
    with pytest.raises(ValueError, match="allowed: auto, never, always"):
        follow_golden_path(client, audio, sar="yes")  # type: ignore[arg-type]
    api.score = 0.99
    assert follow_golden_path(client, audio)["results"]["sar"] is None
    api.misbehave = lambda handler, seen: seen.path == "/v1/reports/sar" and not handler.reply(500, {}, b"{}")
    result = follow_golden_path(client, audio, enrollment_id="e", sar="always")
    assert result["results"]["sar"] is None and result["results"]["mfa"]["verified"]
    assert result["diagnostics"]["errors"][0]["step"] == "sar"
    assert "sar_required" in result["decision"]["reasons"]
