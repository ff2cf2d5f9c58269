"""The audit trail: what a line holds, and writers that append at once."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from audio_batch.errors import AudioUsageError
from audio_batch.routing import (
    append_audit,
    route,
)
from tests.audio_batch.routing.routing_samples import SAFE, make_verdict

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
PERSONAL = {**SAFE, "amount": 123_456.78, "customer_name": "Ada Lovelace"}


def test_the_audit_trail_holds_hashes_and_no_personal_data(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    decision = route(make_verdict(0.5), context=PERSONAL)
    written = [append_audit(path, decision, now=NOW, actor="nightly", context=PERSONAL) for _ in range(2)]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == written
    assert written[0]["input_hashes"]["recording_sha256"] == "ab" * 32
    assert written[0]["time"] == "2026-03-01T02:00:00.000+00:00"
    assert "Lovelace" not in lines[0] and "123456" not in lines[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_audit_trail_holds_values_only_if_asked(tmp_path: Path) -> None:
    decision = route(make_verdict(0.5), context=PERSONAL)
    entry = append_audit(tmp_path / "a", decision, context=PERSONAL, include_values=True)
    assert entry["values"]["context"]["customer_name"] == "Ada Lovelace"
    assert entry["time"] is None


def test_a_changed_audit_entry_does_not_fit_its_hash(tmp_path: Path) -> None:
    from batch_base.hashing import hash_value

    entry = append_audit(tmp_path / "a", route(make_verdict(0.5)), now=NOW)
    claimed = entry.pop("entry_sha256")
    assert hash_value(entry) == claimed
    assert hash_value({**entry, "action": "ALLOW"}) != claimed


def test_a_torn_last_line_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text('{"torn": ', encoding="utf-8")
    append_audit(path, route(make_verdict(0.5)))
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[1])["policy"] == "wire_transfer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_of_writers_that_append_at_once_are_never_mixed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    decision = route(make_verdict(0.5), context={"note": "x" * 5000})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: append_audit(path, decision, actor=f"job {number}"), range(40)))
    actors = {json.loads(line)["actor"] for line in path.read_text(encoding="utf-8").splitlines()}
    assert actors == {f"job {number}" for number in range(40)}


def test_a_writer_waits_until_the_line_of_another_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    half_written, looked = Event(), Event()
    write = os.write

    def write_in_halves(handle: int, data: bytes) -> int:
        """As the system does with a line that crosses the border of a page."""
        if half_written.is_set():
            return write(handle, data)
        first = write(handle, data[:100])
        half_written.set()
        looked.wait(0.5)
        return first + write(handle, data[100:])

    monkeypatch.setattr(os, "write", write_in_halves)
    decision = route(make_verdict(0.5))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(append_audit, path, decision, actor="first")
        assert half_written.wait(10)
        second = pool.submit(append_audit, path, decision, actor="second")
        second.add_done_callback(lambda _: looked.set())
        first.result(10), second.result(10)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["actor"] for line in lines] == ["first", "second"]


def test_line_breaks_in_the_session_id_stay_inside_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a"
    append_audit(path, route(make_verdict(0.5, session_id='x\n{"action":"ALLOW"}\udcff')))
    assert len(path.read_bytes().splitlines()) == 1


def test_audit_refusals(tmp_path: Path) -> None:
    decision = route(make_verdict(0.5))
    with pytest.raises(AudioUsageError, match="no time zone"):
        append_audit(tmp_path / "a", decision, now=datetime(2026, 3, 1))
    with pytest.raises(AudioUsageError, match="cannot be appended to"):
        append_audit(tmp_path / "none" / "a", decision)
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(AudioUsageError, match="no symbolic link"):
        append_audit(tmp_path / "link", decision)
