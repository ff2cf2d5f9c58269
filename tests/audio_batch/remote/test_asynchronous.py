"""The coroutines do what the methods do, side by side."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from api_server import KEY, ApiServer

from audio_batch.remote import AsyncSonotheiaClient, SonotheiaClientEnhanced


def test_every_method(api: ApiServer, audio: Path) -> None:
    async def ask() -> list[dict]:
        async with AsyncSonotheiaClient(KEY, api.url, timeout=5) as client:
            return [
                await client.detect_deepfake(audio, {"session_id": "s"}),
                await client.analyze(audio, extract_features=False),
                await client.extract_features(audio),
                await client.verify_mfa(audio, "e", {"channel": "ivr"}),
                await client.enroll(audio),
                await client.submit_sar("s", "deny", "why", {"a": 1}),
                await client.health(),
            ]

    found = asyncio.run(ask())
    keys = ("score", "score", "duration_sec", "verified", "enrollment_id", "case_id", "healthy")
    assert [key for key, answer in zip(keys, found, strict=True) if key not in answer] == []
    assert api.seen[1].form["extract_features"] == "false"


def test_errors_are_those_of_requests(api: ApiServer, audio: Path) -> None:
    async def ask() -> None:
        api.script = [422]
        async with AsyncSonotheiaClient(KEY, api.url) as client:
            await client.detect_deepfake(audio)

    with pytest.raises(requests.HTTPError) as caught:
        asyncio.run(ask())
    assert caught.value.response.status_code == 422


def test_requests_are_under_way_together_and_the_loop_goes_on(api: ApiServer, audio: Path) -> None:
    """None of the five is answered before all have come."""
    together = threading.Barrier(5)

    def wait(handler: Any, seen: Any) -> bool:
        together.wait(10)
        return False

    api.misbehave = wait

    async def ask() -> list[dict]:
        async with AsyncSonotheiaClient(KEY, api.url, timeout=10) as client:
            return await asyncio.gather(*(client.detect_deepfake(audio) for _ in range(5)))

    assert len(asyncio.run(ask())) == 5


def test_an_enhanced_client_protects_it(api: ApiServer, audio: Path, clock: Any) -> None:
    api.script = [503, 503]

    async def ask() -> dict:
        enhanced = SonotheiaClientEnhanced(KEY, api.url, clock=clock)
        async with AsyncSonotheiaClient(client=enhanced) as client:
            return await client.detect_deepfake(audio)

    assert asyncio.run(ask())["score"] == 0.12 and len(api.seen) == 3


def test_settings_that_cannot_be_used() -> None:
    with pytest.raises(ValueError, match="not both"):
        AsyncSonotheiaClient("k", client=SonotheiaClientEnhanced("k"))
    with pytest.raises(ValueError, match="concurrency is 0"):
        AsyncSonotheiaClient("k", concurrency=0)
    with pytest.raises(ValueError, match="API key"):
        AsyncSonotheiaClient()
