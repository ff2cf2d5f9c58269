"""The commands that ask a remote scorer, against a server on loopback: every line of the table in docs/sonotheia.md."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import KEY, ApiServer, serve_api
from conftest import Call, Outcome
from running_service import free_port

import audio_batch
from audio_batch.demo import cut_clips
from audio_batch.remote import wire
from audio_batch.remote.wire import MOCK_API_KEY
from audio_batch.routing import EXIT_CODES
from audio_batch.speaker import enroll

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "sonotheia.md").read_text()
TABLE = re.findall(r"^\| `(python .+?)` \| `sentinel-batch (.+?)` \|$", PAGE, flags=re.MULTILINE)
LINES = [pair for pair in TABLE if not pair[1].startswith("serve")]
"""What ends by itself: the mock is started by the tests of the service."""

LOCAL = ("audio validate", "events process")
SAMPLES = Path(audio_batch.__file__).parent / "samples"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ApiServer]:
    shutil.copy(SAMPLES / "call-human.wav", tmp_path / "audio.wav")
    shutil.copy(SAMPLES / "call-human.wav", tmp_path / "long_audio.wav")
    event = {"event_id": "evt-1", "event_type": "transaction_verification", "audio_path": "audio.wav"}
    (tmp_path / "event.json").write_text(json.dumps(event))
    with serve_api() as server:
        for name in ("DEEPFAKE_PATH", "MFA_PATH", "SAR_PATH"):
            monkeypatch.delenv(f"SONOTHEIA_{name}", raising=False)
        monkeypatch.setenv("SONOTHEIA_API_KEY", KEY)
        monkeypatch.setenv("SONOTHEIA_API_URL", server.url)
        yield server


def _run_line(call: Call, line: str, api: ApiServer) -> Outcome:
    """Run a line of the table, at our server, and without waiting for ever."""
    line = line.replace("https://api.custom.com", api.url).replace(" 9090", f" {free_port()}")
    endless = ["--times", "1"] if "--monitor" in line or "--prometheus" in line else []
    if "--mock" not in line:
        return call(*shlex.split(line), *endless)
    api.key = MOCK_API_KEY
    return call(*shlex.split(line), "--api-url", api.url)


@pytest.mark.parametrize(("original", "ours"), LINES, ids=[ours for _, ours in LINES])
def test_every_line_of_the_table_works(call: Call, api: ApiServer, original: str, ours: str) -> None:
    done = _run_line(call, ours, api)
    allowed = set(EXIT_CODES.values()) if ours.startswith("flow") else {0}
    assert done.code in allowed, done.stdout + done.stderr
    assert done.stdout.strip()
    for option in re.findall(r"--[a-z-]+", original):  # Options are called the same.
        assert option in ours or option == "--verbose", option
    assert bool(api.seen) is not ours.startswith(LOCAL)
    wanted = "--sar always" in ours or "--decision" in ours
    assert (api.count("/v1/reports/sar") == 1) is wanted


def test_the_table_has_every_script_of_the_original() -> None:
    scripts = {original.split()[1] for original, _ in TABLE}
    assert scripts == {
        "golden_path_demo.py", "audio_validator.py", "main.py", "audio_analysis_example.py", "voice_routing_example.py",
        "call_center_integration.py", "mobile_app_integration.py", "ecommerce_fraud_prevention.py",
        "account_recovery_flow.py", "enhanced_example.py", "streaming_example.py", "health_check.py",
        "event_driven_integration.py", "mock_api_server.py",
    }  # fmt: skip
    assert len(TABLE) == 35


def test_the_pages_code_blocks_run(api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.+?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    assert api.count("/v1/reports/sar") == 1


def test_score_prints_lines_json_or_a_file(call: Call, api: ApiServer, tmp_path: Path) -> None:
    assert call("remote", "score", "audio.wav").stdout == "Score     0.120 (likely_real; 0 human, 1 synthetic)\n"
    document = call("remote", "score", "audio.wav", "--json").document
    assert document["deepfake"]["score"] == 0.12 and document["schema_version"] == 1
    pretty = call("remote", "score", "audio.wav", "--pretty").stdout
    assert json.loads(pretty)["deepfake"]["label"] == "likely_real" and "\n  " in pretty
    done = call("remote", "score", "audio.wav", "--output", "new/results.json")
    assert (done.code, done.stdout) == (0, "")
    assert json.loads((tmp_path / "new" / "results.json").read_text())["deepfake"]["score"] == 0.12


def test_an_answer_that_cannot_be_written_is_not_lost(call: Call, api: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words = ["--session-id", "s-1", "--decision", "review", "--reason", "odd", "--output", "file/sar.json"]
    done = call("remote", "sar", *words)
    assert done.code == 2
    assert "file/sar.json cannot be written" in done.stderr and "--output" in done.stderr
    assert '"case_id": ' in done.stderr


def test_a_session_alone_reports_nothing(call: Call, api: ApiServer) -> None:
    done = call("remote", "score", "audio.wav", "--session-id", "s")
    assert done.code == 0 and api.count("/v1/reports/sar") == 0
    failed = call("remote", "score", "audio.wav", "--sar", "always", "--json")
    assert failed.code == 2 and "session" in failed.document["error"]["message"]


@pytest.mark.parametrize("given", [("--decision", "review"), ("--reason", "odd")])
def test_half_a_report_is_refused(call: Call, api: ApiServer, given: tuple[str, str]) -> None:
    failed = call("remote", "score", "audio.wav", "--session-id", "s", *given, "--json")
    assert failed.code == 2 and "--sar" in failed.document["error"]["hint"] and api.seen == []
    assert call("remote", "score", "audio.wav", "--session-id", "s", *given, "--sar", "never").code == 0
    assert call("remote", "score", "audio.wav", "--session-id", "s", *given, "--sar", "always").code == 0
    assert api.count("/v1/reports/sar") == 1


def test_a_draft_is_called_one(call: Call, api: ApiServer) -> None:
    words = ("remote", "sar", "--session-id", "s", "--reason", "why")
    assert call(*words).stdout == "Report    submitted, case sar-1\n"
    api.script = [(200, {}, b'{"status": "submitted", "case_id": "DRAFT-1", "session_id": "s", "draft": true}')]
    assert call(*words).stdout == "Report    submitted, case DRAFT-1 (a draft; nothing was filed)\n"


def test_sar_and_verify(call: Call, api: ApiServer) -> None:
    done = call("remote", "sar", "--session-id", "s", "--decision", "deny", "--reason", "why", "--json")
    assert done.document["case_id"] == "sar-1"
    assert json.loads(api.seen[-1].body)["decision"] == "deny"
    assert call("remote", "sar", "--session-id", "s", "--reason", "x", "--decision", "maybe").code == 2
    api.verified = False
    said = call("remote", "verify", "audio.wav", "--enrollment-id", "e")
    assert (said.code, said.stdout) == (0, "Verified  no (e, confidence 0.200)\n")


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [(401, 1, "SONOTHEIA_API_KEY"), (404, 1, "--api-url"), (500, 1, "remote health"), (400, 1, "its words")],
)
def test_errors_of_the_server(call: Call, api: ApiServer, status: int, code: int, hint: str) -> None:
    api.script = [status]
    failed = call("remote", "score", "audio.wav", "--json")
    assert failed.code == code
    error = failed.document["error"]
    assert (error["code"], error["status_code"]) == ("remote", status)
    assert hint in error["hint"] and "On demand" in error["message"]


def test_no_key_no_file_no_server(call: Call, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("remote", "score", "none.wav", "--json").code == 4
    failed = call("remote", "score", "audio.wav", "--api-url", "http://127.0.0.1:1", "--max-retries", "0", "--json")
    assert failed.code == 1 and failed.document["error"]["type"] == "ConnectionError"
    monkeypatch.delenv("SONOTHEIA_API_KEY")
    failed = call("remote", "score", "audio.wav", "--json")
    assert failed.code == 2 and "API key is required" in failed.document["error"]["message"]
    assert api.seen == []


def test_a_damaged_file_is_not_sent_unless_asked(call: Call, api: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"not audio at all")
    failed = call("remote", "score", "bad.wav", "--json")
    assert failed.code == 1 and failed.document["error"]["code"] == "invalid_recording"
    assert "--no-validate" in failed.document["error"]["hint"] and api.seen == []
    assert call("remote", "score", "bad.wav", "--no-validate").code == 0
    assert call("flow", "voice-routing", "bad.wav", "--customer-id", "c", "--scorer", "remote").code == 1
    assert len(api.seen) == 1


def test_golden_path(call: Call, api: ApiServer) -> None:
    result = json.loads(call("remote", "golden-path", "audio.wav", "--session-id", "s").stdout)
    assert list(result) == ["session_id", "timestamp", "inputs", "results", "decision", "diagnostics"]
    assert result["inputs"]["audio_filename"] == "audio.wav" and result["inputs"]["samplerate_hz"] == 8000
    assert result["decision"]["route"] == "ALLOW" and result["results"]["sar"] is None
    hashes = result["decision"]["policy"]["input_hashes"]
    assert hashes["recording_sha256"] == hashlib.sha256((SAMPLES / "call-human.wav").read_bytes()).hexdigest()
    api.score, api.label = 0.95, "likely_synthetic"
    result = json.loads(call("remote", "golden-path", "audio.wav", "--sar", "auto").stdout)
    assert result["decision"]["route"] == "BLOCK" and result["results"]["sar"]["case_id"] == "sar-1"
    assert json.loads(api.seen[-1].body)["decision"] == "deny"
    result = json.loads(call("remote", "golden-path", "audio.wav", "--sar", "never").stdout)
    assert result["results"]["sar"] is None


def test_a_verification_that_fails_leaves_the_rest(call: Call, api: ApiServer) -> None:
    api.misbehave = lambda handler, seen: seen.path == "/v1/mfa/voice/verify" and not handler.reply(400, {}, b"{}")
    done = call("remote", "golden-path", "audio.wav", "--enrollment-id", "e")
    assert done.code == 3
    assert json.loads(done.stdout)["diagnostics"]["errors"][0]["step"] == "mfa"


def test_mock_needs_no_key(call: Call, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SONOTHEIA_API_KEY")
    failed = call("remote", "golden-path", "audio.wav", "--mock", "--api-url", api.url, "--json")
    assert failed.document["error"]["status_code"] == 401
    assert api.seen[-1].headers["authorization"] == "Bearer mock_api_key_12345"


def test_mock_never_leaves_the_machine(call: Call, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOCK_URL", f"http://localhost:{free_port()}")
    failed = call(
        "remote", "score", "audio.wav", "--mock", "--max-retries", "0", "--json"
    )  # The environment says else.
    assert failed.code == 1 and failed.document["error"]["type"] == "ConnectionError"
    for url in ("https://api.sonotheia.com", "http://localhost.example.com", "http://localhost@example.com"):
        refused = call("remote", "score", "audio.wav", "--mock", "--api-url", url, "--json")
        assert refused.code == 2 and "on this machine" in refused.document["error"]["message"]
    assert api.seen == []


def test_stream_tells_high_risk_and_failures_by_its_exit_code(call: Call, api: ApiServer) -> None:
    words = ("remote", "stream", "audio.wav", "--chunk-duration", "3", "--rate-limit", "1000", "--json")
    document = call(*words).document
    assert document["summary"]["total_chunks"] == 3
    api.script = [400]
    done = call(*words)
    assert done.code == 3 and done.document["summary"]["failed_chunks"] == 1
    api.script = [400] * 3
    assert call(*words).code == 1
    api.score = 0.9
    assert call(*words).code == 13 and api.count("/v1/reports/sar") == 0
    assert call(*words, "--sar", "auto").document["sar"]["case_id"] == "sar-1"


@pytest.mark.parametrize("status", [401, 403])
def test_a_stream_stops_at_a_refused_key(call: Call, api: ApiServer, status: int) -> None:
    api.script = [status]
    words = ("remote", "stream", "audio.wav", "--chunk-duration", "3", "--rate-limit", "1000", "--sar", "always")
    stopped = call(*words)
    assert stopped.code == 1 and len(api.seen) == 1
    assert "refused the key; nothing more was sent" in stopped.stderr


def test_analyze_shows_features(call: Call, api: ApiServer) -> None:
    said = call("remote", "analyze", "audio.wav").stdout
    assert "hnr_db  11.5" in said and "Because   R1" in said
    assert "spectral_centroid  1234.5" in call("remote", "analyze", "audio.wav", "--features-only").stdout


def test_health(call: Call, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("remote", "health").code == 0
    monkeypatch.setenv("SONOTHEIA_API_KEY", "wrong")
    sick = call("remote", "health", "--json")
    assert sick.code == 1 and sick.document["connectivity"]["healthy"] and not sick.document["healthy"]
    assert "wrong" not in sick.stdout
    watched = call("remote", "health", "--monitor", "--interval", "1", "--times", "2")
    assert watched.code == 1 and len(watched.stdout.splitlines()) == 2


def test_flows_locally(call: Call, api: ApiServer) -> None:
    words = ("flow", "voice-routing", "audio.wav", "--customer-id", "c", "--transaction-amount", "10")
    done = call(*words, "--known-beneficiary", "--destination-country", "US", "--customer-risk", "0", "--json")
    assert done.document["scorer"] == "local" and done.document["ids"] == {"customer_id": "c"}
    assert done.code == EXIT_CODES[done.document["action"]]
    assert api.seen == []


@pytest.mark.parametrize(
    ("words", "policy"),
    [
        ("call-centre audio.wav --call-id c", "call_centre"),
        ("mobile audio.wav --user-id u --operation login", "mobile_login"),
        ("mobile audio.wav --user-id u --operation wire_transfer", "wire_transfer"),
        ("ecommerce audio.wav --order-id o --order-amount 5", "ecommerce_guest"),
        (
            "ecommerce audio.wav --order-id o --order-amount 5 --customer-id c --payment-method paypal",
            "ecommerce_checkout",
        ),
        ("ecommerce audio.wav --order-id o --order-amount 5 --new-account --email a@b.c", "ecommerce_account_creation"),
        ("account-recovery audio.wav --user-id u --recovery-type account_unlock", "account_recovery"),
        ("voice-routing audio.wav --customer-id c", "wire_transfer"),
    ],
)
def test_flows_take_their_policy(call: Call, api: ApiServer, words: str, policy: str) -> None:
    done = call("flow", *words.split(), "--scorer", "remote", "--json")
    assert done.document["policy"] == policy
    assert "payment_method" not in done.document["missing_inputs"] or "paypal" not in words
    sent = json.loads(api.seen[-1].form["metadata"])
    assert sent == done.document["ids"]


def test_require_mfa_demands_a_voice(call: Call, api: ApiServer) -> None:
    words = ("flow", "ecommerce", "audio.wav", "--order-id", "o", "--order-amount", "5", "--customer-id", "c", "--json")
    known = ("--payment-method", "wallet", "--shipping-matches", "--customer-risk", "0", "--scorer", "remote")
    assert call(*words, *known).document["action"] == "ALLOW"
    assert call(*words, *known, "--require-mfa").code == EXIT_CODES["REQUIRE_STEP_UP"]
    assert call(*words, *known, "--require-mfa", "--enrollment-id", "e").document["action"] == "ALLOW"


def test_a_remote_score_goes_with_local_voiceprints(call: Call, api: ApiServer, tmp_path: Path) -> None:
    recording = tmp_path / "audio.wav"
    enroll("e", cut_clips(SAMPLES / "customer-enrollment.wav", tmp_path), store=tmp_path / "voices")
    voices = ("--enrollments", "voices", "--enrollment-id", "e", "--scorer", "remote", "--json")
    done = call("flow", "voice-routing", "audio.wav", "--customer-id", "c", *voices, "--save-audit", "trail.jsonl")
    assert done.code in EXIT_CODES.values(), done.stdout
    sha256 = hashlib.sha256(recording.read_bytes()).hexdigest()
    assert sha256 in (tmp_path / "trail.jsonl").read_text()
    routed = call("audio", "route", "audio.wav", "--policy", "voice_only", *voices)
    assert routed.code in EXIT_CODES.values(), routed.stdout
    assert api.count("/v1/voice/deepfake") == 2 and api.count("/v1/mfa/voice/verify") == 0


def test_a_flow_falls_back_and_says_so(call: Call, api: ApiServer) -> None:
    words = ("flow", "voice-routing", "audio.wav", "--customer-id", "c", "--scorer", "remote", "--json")
    api.script = [422]
    done = call(*words).document
    assert done["scorer"] == "local" and done["scorer_fallback"].startswith("remote_refused: 422")
    api.script = [422]
    failed = call(*words, "--fallback", "none")
    assert failed.code == 1 and failed.document["error"]["reason"] == "remote_refused"
    api.script = [401]
    assert call(*words).document["error"]["reason"] == "remote_key_refused"


def test_a_batch_says_who_scored(call: Call, api: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(SAMPLES / "call-human.wav", tmp_path / "in" / "a.wav")
    (tmp_path / "sentinel.toml").write_text('audio_scorer = "remote"\n')
    api.script = [422]
    done = call("audio", "run", "in", "--workers", "1")
    assert done.code == 0 and "Scored here, because the remote scorer did not (remote_refused): 1" in done.stdout
    failed = call("audio", "run", "in", "--workers", "1", "--scorer", "cloud")
    assert failed.code == 2
    said = call("audio", "route", "audio.wav", "--policy", "voice_only").stdout
    assert "Scorer   remote" in said


def test_the_probe_port(call: Call, api: ApiServer) -> None:
    from audio_batch.remote import HealthMonitor, SonotheiaClient
    from audio_batch.remote.health import serve_metrics

    monitor = HealthMonitor(SonotheiaClient(KEY, api.url))
    server = serve_metrics(monitor, 0, host="127.0.0.1")
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{base}/healthz")
        monitor.check()
        assert urllib.request.urlopen(f"{base}/healthz").status == 200
        assert urllib.request.urlopen(f"{base}/livez").status == 200
        text = urllib.request.urlopen(f"{base}/metrics").read().decode()
        assert "sonotheia_api_health 1\n" in text and "sonotheia_api_checks_total 1\n" in text
        assert "sonotheia_api_errors_total 0\n" in text and "sonotheia_api_latency_ms " in text
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{base}/other")
    finally:
        server.shutdown()
        server.server_close()
