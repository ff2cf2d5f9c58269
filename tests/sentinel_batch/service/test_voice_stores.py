"""What the voice API keeps: sessions, drafts, recordings that wait for more; and how refusals are worded."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException

from audio_batch.verdict import Reason, SegmentScore, Splice, Verdict, Verification
from sentinel_batch.service.voice import enrolling, hearings
from sentinel_batch.service.voice.enrolling import PendingSamples
from sentinel_batch.service.voice.forms import check_text, parse_object
from sentinel_batch.service.voice.hearings import HearingStore
from sentinel_batch.service.voice.measures import describe_features
from sentinel_batch.service.voice.outcomes import describe_detection, raise_failure, recommend
from sentinel_batch.service.voice.refusals import name_status, word_refusal
from sentinel_batch.service.voice.reports import ReportDesk, read_report

SPLICE = Splice(0, None, 61.0, 66.0, 1.4, "unlike the rest of the call in voice and line")


def make_verdict(sha256: str, score: float | None = 0.9, abstention: str | None = None) -> Verdict:
    """A verdict."""
    segment = SegmentScore(0, None, 0.0, 4.0, 3.0, 0.9)
    reason = Reason("hnr_mean", 1.0, 2.0, 3.0, 0.5, "Harmonicity is low")
    label = "uncertain" if abstention else "likely_synthetic"
    return Verdict(
        "call.wav", sha256, score, label, 0.9, 5.0, sha256[:16], "fake-1", 4.0, 3.0, "narrowband", abstention,
        (segment,), (reason,), ("a notice",), splices=(SPLICE,),
    )  # fmt: skip


def make_verification() -> Verification:
    """A verification."""
    return Verification("call.wav", True, "ada", 0.9, "x", 3.0, 0.8, True, 0.1, ("voice_match: yes",))


def test_session_gives_back_what_was_heard(tmp_path: Path) -> None:
    store = HearingStore(tmp_path)
    verdict, verification = make_verdict("a" * 64), make_verification()
    store.keep("s", "ada", verdict.to_dict(), verification.to_dict(), {"amount": 1, "channel": "ivr"})
    store.keep("s", "ada", verdict.to_dict(), None, {"amount": 2})
    heard = store.find("s")
    assert heard is not None and heard.facts == {"amount": 2, "channel": "ivr"}
    assert heard.verdict == Verdict(**{**vars(verdict), "session_id": "s"})
    assert heard.verification == Verification(**{**vars(verification), "session_id": "s"})
    store.keep("s", "ada", make_verdict("b" * 64).to_dict(), None, {})
    newest = store.find("s")
    assert newest is not None and newest.verdict.sha256 == "b" * 64 and newest.verification is None
    assert store.find("other") is None


def test_sessions_are_forgotten_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = HearingStore(tmp_path)
    verdict = make_verdict("a" * 64).to_dict()
    monkeypatch.setattr(hearings, "MOST", 2)
    for name in "abc":
        store.keep(name, "ada", verdict, None, {})
    assert [name for name in "abc" if store.find(name)] == ["b", "c"]
    monkeypatch.setattr(hearings, "KEPT", -hearings.KEPT)
    store.remember("ada", "k", "digest", {"case_id": "x"})
    assert store.recall("ada", "k") == ("digest", {"case_id": "x"}) and store.recall("bob", "k") is None
    store.keep("d", "ada", verdict, None, {})
    assert store.find("c") is None and store.recall("ada", "k") is None


def test_same_report_is_one_case_and_keys_are_ones_own(tmp_path: Path) -> None:
    desk = ReportDesk(HearingStore(tmp_path), tmp_path / "drafts", "voice_only")
    asked = read_report({"session_id": "s", "decision": "deny", "reason": "Why"})
    first = desk.draft(asked, "ada", "k")
    assert desk.draft(asked, "ada", "k") == first | {"repeated": True}
    assert desk.draft(asked, "bob", "k")["case_id"] == first["case_id"]
    other = read_report({"session_id": "s", "decision": "deny", "reason": "Another"})
    assert desk.draft(other, "bob", "k2")["case_id"] != first["case_id"]
    with pytest.raises(HTTPException) as caught:
        desk.draft(other, "ada", "k")
    assert caught.value.status_code == 422
    assert len(list((tmp_path / "drafts").iterdir())) == 2


def write(path: Path, content: bytes) -> Path:
    """Write a file that stands for a recording."""
    path.write_bytes(content)
    return path


def test_samples_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = PendingSamples(tmp_path / "samples")
    first = waiting.add("ada", [write(tmp_path / "a.wav", b"1")])
    assert [path.read_bytes() for path in first] == [b"1"] and first[0].suffix == ".wav"
    both = waiting.add("ada", [write(tmp_path / "b.wav", b"2")])
    assert sorted(path.read_bytes() for path in both) == [b"1", b"2"]
    assert len(waiting.add("../../etc", [write(tmp_path / "c.wav", b"3")])) == 1
    assert all(path.parent.parent == tmp_path / "samples" for path in both)
    for content, code in ((b"1", "same_recording"), (b"4", "too_many")):
        monkeypatch.setattr(enrolling, "MOST_SAMPLES", 2)
        with pytest.raises(HTTPException) as caught:
            waiting.add("ada", [write(tmp_path / "d.wav", content)])
        assert (caught.value.status_code, caught.value.detail["code"]) == (422, code)  # type: ignore[index]
    monkeypatch.setattr(enrolling, "MOST_PENDING", 2)
    with pytest.raises(HTTPException) as caught:
        waiting.add("bob", [write(tmp_path / "e.wav", b"5")])
    assert caught.value.status_code == 503
    waiting.drop("ada", [both[0]])
    assert len(list(both[0].parent.iterdir())) == 1
    old = time.time() - enrolling.KEPT_SECONDS - 1
    os.utime(both[0].parent, (old, old))
    waiting.sweep()
    assert len(list((tmp_path / "samples").iterdir())) == 1


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (422, {"detail": [{"loc": ["body", "x"], "msg": "Wrong"}]}, ("Unprocessable content", "x: Wrong.", None)),
        (422, {"detail": [{"loc": ["body"], "msg": "Wrong."}]}, ("Unprocessable content", "Wrong.", None)),
        (503, {"detail": "Later.", "code": "queue_full"}, ("Service unavailable", "Later.", "queue_full")),
        (400, {"detail": {"message": "No.", "code": "c", "hint": "h"}}, ("Bad request", "No.", "c")),
        (404, {}, ("Not found", "Not found", "not_found")),
        (413, {"detail": None}, ("Payload too large", "Payload too large", "payload_too_large")),
        (500, "junk", ("Internal server error", "Internal server error", "internal_server_error")),
    ],
)
def test_refusals_are_worded_as_published(status: int, body: Any, said: tuple[str, str, str | None]) -> None:
    worded = word_refusal(status, body)
    assert list(worded)[:3] == ["error", "message", "code"]
    assert (worded["error"], worded["message"]) == said[:2] and said[2] in (None, worded["code"])
    assert name_status(status) == said[0]
    assert ("hint" in worded) == ("hint" in str(body))


@pytest.mark.parametrize(
    ("status", "has_key", "message"),
    [
        (401, False, "Missing or invalid Authorization header"),
        (401, True, "Invalid API key"),
        (429, True, "Too many requests. Please retry later"),
    ],
)
def test_what_the_guard_says_becomes_the_hint(status: int, has_key: bool, message: str) -> None:
    worded = word_refusal(status, {"detail": "The guard's words."}, has_key)
    assert (worded["message"], worded["hint"]) == (message, "The guard's words.")
    own = word_refusal(status, {"detail": {"message": "Ours.", "code": "c"}}, has_key)
    assert own["message"] == "Ours." and "hint" not in own


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("not_audio", 415),
        ("not_enrolled", 404),
        ("truncated", 422),
        ("unexpected", 500),
        ("store_unusable", 500),
        ("raw_undeclared", 415),
    ],
)
def test_failures_have_their_statuses(code: str, status: int) -> None:
    failure = {"code": code, "message": "Why", "hint": ""}
    with pytest.raises(HTTPException) as caught:
        raise_failure({"failure": failure, "verdict": None})
    assert caught.value.status_code == status
    raise_failure({"failure": failure, "verdict": {}, "verification": {}})
    raise_failure({"failure": None})


def test_nothing_to_score_is_a_number_that_says_nothing() -> None:
    verdict = make_verdict("a" * 64, score=None, abstention="too_little_speech").to_dict()
    body = describe_detection({"verdict": verdict, "is_valid": True, "issues": []}, "s", 1.0)
    assert (body["score"], body["label"], body["undetermined"]) == (0.5, "uncertain", True)
    assert list(body["splices"]) == [asdict(SPLICE)]
    assert [recommend(label) for label in ("likely_real", "uncertain")] == ["allow", "defer_to_review"]
    assert describe_features({"verdict": verdict, "features": []}) == {"duration_sec": 4.0}


@pytest.mark.parametrize("text", ['{"a": NaN}', "[" * 100_000, "3", '{"a"', '"text"'])
def test_documents_are_objects(text: str) -> None:
    with pytest.raises(HTTPException) as caught:
        parse_object("metadata", text)
    assert caught.value.status_code == 400


@pytest.mark.parametrize("value", ["", " a", "a\n", "x" * 129, 3, None, "a‮b"])
def test_names_are_short_lines(value: Any) -> None:
    with pytest.raises(HTTPException) as caught:
        check_text("session_id", value)
    assert caught.value.status_code == 400 and "session_id" in caught.value.detail["message"]  # type: ignore[index]
