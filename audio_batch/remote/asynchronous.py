"""The client for asyncio. It runs the blocking one in threads of its own: one implementation, one set of errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from audio_batch.remote.answers import Answer
from audio_batch.remote.client import Path, SonotheiaClient


class AsyncSonotheiaClient:
    """The methods of `SonotheiaClient` as coroutines, with the same parameters, returns and errors.

    Parameters
    ----------
    *arguments, **options
        As for `SonotheiaClient`.
    client
        A client to use instead of a new one, such as a `SonotheiaClientEnhanced`, whose protections then apply.
    concurrency
        Requests that may be under way at once; more wait for their turn.

    Notes
    -----
    A request whose task is cancelled is not called back: it ends by itself, at its deadline at the latest. `close`
    waits for those that are under way.
    """

    def __init__(
        self, *arguments: Any, client: SonotheiaClient | None = None, concurrency: int = 16, **options: Any
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency is {concurrency!r}; allowed: a whole number from 1")
        if client is not None and (arguments or options):
            raise ValueError("Give a client, or what one is made of, not both")
        self.client = client if client is not None else SonotheiaClient(*arguments, **options)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="sonotheia")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for what is under way, and close the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        self.client.close()

    async def detect_deepfake(self, audio_path: Path, metadata: Mapping[str, Any] | None = None) -> Answer:
        """Score a recording; see `SonotheiaClient.detect_deepfake`."""
        return await self._run(self.client.detect_deepfake, audio_path, metadata)

    async def analyze(
        self, audio_path: Path, metadata: Mapping[str, Any] | None = None, *, extract_features: bool = True
    ) -> Answer:
        """Score a recording with reasons and features; see `SonotheiaClient.analyze`."""
        return await self._run(partial(self.client.analyze, extract_features=extract_features), audio_path, metadata)

    async def extract_features(self, audio_path: Path) -> Answer:
        """Measure a recording; see `SonotheiaClient.extract_features`."""
        return await self._run(self.client.extract_features, audio_path)

    async def verify_mfa(
        self, audio_path: Path, enrollment_id: str, context: Mapping[str, Any] | None = None
    ) -> Answer:
        """Compare a voice with an enrolled one; see `SonotheiaClient.verify_mfa`."""
        return await self._run(self.client.verify_mfa, audio_path, enrollment_id, context)

    async def enroll(self, audio_path: Path, metadata: Mapping[str, Any] | None = None) -> Answer:
        """Enrol a voice; see `SonotheiaClient.enroll`."""
        return await self._run(self.client.enroll, audio_path, metadata)

    async def submit_sar(
        self, session_id: str, decision: str, reason: str, metadata: Mapping[str, Any] | None = None
    ) -> Answer:
        """Submit a suspicious activity report; see `SonotheiaClient.submit_sar`."""
        return await self._run(self.client.submit_sar, session_id, decision, reason, metadata)

    async def health(self) -> Answer:
        """Ask whether the server answers and takes the key; see `SonotheiaClient.health`."""
        return await self._run(self.client.health)

    async def _run(self, method: Callable[..., Answer], *arguments: Any) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, method, *arguments)
