"""A server on loopback, a client of it, a recording, and a clock that nobody has to wait for."""

from __future__ import annotations

import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import KEY, ApiServer, serve_api

from audio_batch.remote import SonotheiaClient


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.sleeps: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.sleeps.append(seconds)
            self.time += max(0.0, seconds)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "API_URL", "DEEPFAKE_PATH", "MFA_PATH", "SAR_PATH"):
        monkeypatch.delenv(f"SONOTHEIA_{name}", raising=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serve_api() as server:
        yield server


@pytest.fixture
def client(api: ApiServer) -> Iterator[SonotheiaClient]:
    with SonotheiaClient(KEY, api.url, timeout=5) as one:
        yield one


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """A second of silence."""
    path = tmp_path / "call.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return path
