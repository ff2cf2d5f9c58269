"""The client: one request a call, over pooled connections, each with an end."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Self
from urllib.parse import urlsplit

from audio_batch.remote import wire
from audio_batch.remote.answers import (
    ENROLLMENT,
    FEATURES,
    REPORT,
    SCORE,
    VERIFICATION,
    Answer,
    Field,
    put_latency,
    read_answer,
)
from audio_batch.remote.bodies import Body, open_document, open_form, require_file, write_json
from audio_batch.remote.health import check_health
from audio_batch.remote.transport import Transport

Path = str | PathLike[str]

LEAST_BYTES_PER_SECOND = 125_000
"""Of an upload (1 Mbit/s): so much longer than `timeout` a call may take."""


@dataclass(frozen=True)
class Operation:
    """One call of the API, ready to be sent, as often as it takes.

    Attributes
    ----------
    open_body
        Opens the body afresh for every attempt.
    size
        Bytes of the file, 0 without one.
    fields
        What the answer has to have.
    harmless
        Whether nothing is lost if it is carried out twice.
    key
        Value of the header `Idempotency-Key`; the same for all attempts.
    """

    path: str
    open_body: Callable[[], AbstractContextManager[Body]]
    fields: Mapping[str, Field]
    size: int = 0
    harmless: bool = True
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


class SonotheiaClient:
    """Client of a voice fraud API.

    Every method raises `requests.HTTPError` when the server answers with an error (``error.response.status_code``,
    ``error.response.text``) and another `requests.RequestException` when there is no answer, or no usable one. Safe to
    share between threads. Redirections are not followed.

    Parameters
    ----------
    api_key
        Sent as a bearer token; None takes ``SONOTHEIA_API_KEY``.
    api_url
        None takes ``SONOTHEIA_API_URL``, else ``https://api.sonotheia.com``.
    deepfake_path, mfa_path, sar_path
        Paths below it; None takes ``SONOTHEIA_DEEPFAKE_PATH``, ``SONOTHEIA_MFA_PATH``, ``SONOTHEIA_SAR_PATH``, else
        those of the API.
    timeout
        Seconds that the server may be silent. A request as a whole may take as long, and a second more for every
        125,000 bytes that it sends.
    tenant_id
        Sent as ``X-Tenant-ID``, if given.

    Raises
    ------
    ValueError
        There is no key, or a parameter has a value that cannot be used.
    """

    def __init__(
        self,
        api_key: str | None = None,
        api_url: str | None = None,
        deepfake_path: str | None = None,
        mfa_path: str | None = None,
        sar_path: str | None = None,
        timeout: float = 30,
        *,
        tenant_id: str | None = None,
    ) -> None:
        self.api_key = _check_key(api_key or os.environ.get("SONOTHEIA_API_KEY"))
        self.api_url = _check_url(api_url or os.environ.get("SONOTHEIA_API_URL") or wire.DEFAULT_URL)
        self.deepfake_path = _find_path(deepfake_path, "DEEPFAKE", wire.DEEPFAKE_PATH)
        self.mfa_path = _find_path(mfa_path, "MFA", wire.MFA_PATH)
        self.sar_path = _find_path(sar_path, "SAR", wire.SAR_PATH)
        if not 0 < timeout < 1e6:
            raise ValueError(f"timeout is {timeout!r}; allowed: a positive number of seconds")
        self.timeout = timeout
        headers = {"Accept": "application/json", **({wire.TENANT_HEADER: tenant_id} if tenant_id else {})}
        self._transport = Transport(self.api_key, headers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(api_url={self.api_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connections; the client can still be used."""
        self._transport.close()

    def detect_deepfake(self, audio_path: Path, metadata: Mapping[str, Any] | None = None) -> Answer:
        """Score a recording.

        Parameters
        ----------
        audio_path
            The file; sent as it is, from the disk.
        metadata
            Sent along as JSON (`write_json` says what becomes of NumPy's types, instants and NaN).

        Returns
        -------
        dict
            ``score`` (0 = human … 1 = synthetic), ``label``, ``latency_ms`` and what else the server says, such as
            ``session_id``.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        requests.RequestException
            See the class.
        """
        return self._score(audio_path, {wire.METADATA: write_json(metadata, "metadata")})

    def analyze(
        self, audio_path: Path, metadata: Mapping[str, Any] | None = None, *, extract_features: bool = True
    ) -> Answer:
        """Score a recording, and ask for the reasons and the features behind the score.

        Parameters
        ----------
        audio_path, metadata
            As for `detect_deepfake`.
        extract_features
            Whether features are asked for.

        Returns
        -------
        dict
            As for `detect_deepfake`, with ``reason_codes``, ``feature_contributions`` and ``dsp_features`` if the
            server has them.

        Raises
        ------
        FileNotFoundError, requests.RequestException
            As for `detect_deepfake`.
        """
        asked = {wire.EXTRACT_FEATURES: str(bool(extract_features)).lower(), wire.INCLUDE_REASON_CODES: "true"}
        return self._score(audio_path, {wire.METADATA: write_json(metadata, "metadata"), **asked})

    def extract_features(self, audio_path: Path) -> Answer:
        """Measure a recording without scoring it.

        Parameters
        ----------
        audio_path
            The file.

        Returns
        -------
        dict
            What the server measured.

        Raises
        ------
        FileNotFoundError, requests.RequestException
            As for `detect_deepfake`.
        """
        return self._upload(wire.FEATURES_PATH, audio_path, {wire.MODE: wire.FEATURES_ONLY}, FEATURES)

    def verify_mfa(self, audio_path: Path, enrollment_id: str, context: Mapping[str, Any] | None = None) -> Answer:
        """Compare the voice of a recording with an enrolled one.

        Parameters
        ----------
        audio_path
            The file.
        enrollment_id
            Under which the voice was enrolled.
        context
            Sent along as JSON.

        Returns
        -------
        dict
            ``verified``, ``enrollment_id``, ``confidence`` (0 … 1) and what else the server says.

        Raises
        ------
        ValueError
            The id is empty.
        FileNotFoundError, requests.RequestException
            As for `detect_deepfake`.
        """
        fields = {wire.ENROLLMENT_ID: _require_text(enrollment_id, "enrollment_id")}
        return self._upload(
            self.mfa_path, audio_path, {**fields, wire.CONTEXT: write_json(context, "context")}, VERIFICATION
        )

    def enroll(self, audio_path: Path, metadata: Mapping[str, Any] | None = None) -> Answer:
        """Enrol a voice.

        Parameters
        ----------
        audio_path
            Speech of one person.
        metadata
            Sent along as JSON.

        Returns
        -------
        dict
            ``enrollment_id``, ``status`` and what else the server says.

        Raises
        ------
        FileNotFoundError, requests.RequestException
            As for `detect_deepfake`.
        """
        fields = {wire.METADATA: write_json(metadata, "metadata")}
        return self._upload(wire.ENROLLMENT_PATH, audio_path, fields, ENROLLMENT, harmless=False)

    def submit_sar(
        self, session_id: str, decision: str, reason: str, metadata: Mapping[str, Any] | None = None
    ) -> Answer:
        """Submit a suspicious activity report. Nothing else in this package does so by itself.

        Parameters
        ----------
        session_id
            The session that it is about.
        decision
            ``allow``, ``deny`` or ``review``.
        reason
            In words.
        metadata
            Sent along.

        Returns
        -------
        dict
            ``status``, ``case_id``, ``session_id`` and what else the server says.

        Raises
        ------
        ValueError
            The decision is another, or a text is empty.
        requests.RequestException
            See the class.
        """
        if decision not in wire.DECISIONS:
            raise ValueError(f"decision is {decision!r}; allowed: {', '.join(wire.DECISIONS)}")
        facts = {
            "session_id": _require_text(session_id, "session_id"),
            "decision": decision,
            "reason": _require_text(reason, "reason"),
        }
        write_json(metadata, "metadata")
        text = write_json({**facts, wire.METADATA: metadata or {}}, "metadata")
        return self._perform(Operation(self.sar_path, lambda: open_document(text), REPORT, harmless=False))

    def health(self) -> Answer:
        """Ask whether the server answers, and whether it takes the key. Raises nothing, and is never held back.

        Returns
        -------
        dict
            ``healthy``, and for ``connectivity`` and ``authentication`` each ``timestamp``, ``healthy``,
            ``latency_ms``, ``status_code``, ``error``, ``details``.
        """
        return check_health(self._send, self.api_url + wire.HEALTH_PATH, self.api_url + self.deepfake_path)

    def _score(self, audio_path: Path, fields: Mapping[str, str]) -> Answer:
        started = time.monotonic()
        return put_latency(self._upload(self.deepfake_path, audio_path, fields, SCORE), time.monotonic() - started)

    def _upload(
        self,
        path: str,
        audio_path: Path,
        fields: Mapping[str, str],
        expected: Mapping[str, Field],
        *,
        harmless: bool = True,
    ) -> Answer:
        file = require_file(audio_path)
        operation = Operation(path, lambda: open_form(file, fields), expected, file.stat().st_size, harmless)
        return self._perform(operation)

    def _perform(self, operation: Operation) -> Answer:
        """Send a call; the one way that every method takes."""
        return self._attempt(operation, self._allow(operation))

    def _allow(self, operation: Operation) -> float:
        """Return the seconds that one attempt may take."""
        return self.timeout + operation.size / LEAST_BYTES_PER_SECOND

    def _attempt(self, operation: Operation, seconds: float) -> Answer:
        with operation.open_body() as body:
            headers = {wire.IDEMPOTENCY_HEADER: operation.key}
            response = self._send("POST", self.api_url + operation.path, body, headers, seconds)
        return read_answer(response, operation.fields)

    def _send(
        self, method: str, url: str, body: Body | None, headers: Mapping[str, str], seconds: float | None = None
    ) -> Any:
        limit = self.timeout if seconds is None else seconds
        return self._transport.send(method, url, body, headers, silence=self.timeout, seconds=limit)


def _check_key(key: str | None) -> str:
    # The key itself is in no message: messages are logged.
    key = (key or "").strip()
    if not key:
        raise ValueError("API key is required: pass api_key, or set SONOTHEIA_API_KEY")
    if not (key.isascii() and key.isprintable()):
        raise ValueError("The API key has characters that no header can hold; copy it again")
    return key


def _check_url(url: str) -> str:
    url = url.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("api_url holds a name or password; give the key alone, as api_key")
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"api_url is {url!r}; allowed: http://… or https://…, without ? and #")
    return url


def _find_path(given: str | None, name: str, default: str) -> str:
    path = given or os.environ.get(f"SONOTHEIA_{name}_PATH") or default
    return path if path.startswith("/") else f"/{path}"


def _require_text(value: str, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is {value!r}; a text is needed")
    return value
