"""Command ``remote score``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from audio_batch.remote import wire
from sentinel_batch.cli.remote.connection import (
    ApiUrl,
    Audio,
    Connection,
    Enrollment,
    Mock,
    NoBreaker,
    NoValidate,
    RateLimit,
    Retries,
    SessionId,
    Tenant,
    Timeout,
)
from sentinel_batch.cli.remote.delivery import OutputFile, Pretty, check_before_sending, deliver, describe
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError

Decision = Annotated[
    Literal["allow", "deny", "review"] | None,
    typer.Option("--decision", metavar="|".join(wire.DECISIONS), help="Decision of the report."),
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, in words, for the report.")]
REPORT_REASON = "Manual review requested"


@with_session
def score(
    session: Session,
    audio: Audio,
    enrollment_id: Enrollment = None,
    session_id: SessionId = None,
    decision: Decision = None,
    reason: Reason = None,
    sar: Annotated[
        Literal["never", "always"] | None,
        typer.Option(
            "--sar",
            metavar="never|always",
            help="Submit a report on the session [default always with both --decision and --reason, else never].",
        ),
    ] = None,
    api_url: ApiUrl = None,
    tenant_id: Tenant = None,
    max_retries: Retries = 3,
    rate_limit: RateLimit = None,
    disable_circuit_breaker: NoBreaker = False,
    timeout: Timeout = 30.0,
    mock: Mock = False,
    no_validate: NoValidate = False,
    output: OutputFile = None,
    pretty: Pretty = False,
) -> None:
    """Have a recording scored; its voice verified and a report submitted, if asked.

    Exit codes: 1 the file is not valid or the server gave no answer, 2 there is no key, 4 there is no file.
    """
    reported = sar == "always" or (sar is None and decision is not None and reason is not None)
    if reported and session_id is None:
        raise UsageError("A report needs a session.", hint="Name it: --session-id ID.")
    connection = Connection(
        api_url=api_url, tenant_id=tenant_id, max_retries=max_retries, rate_limit=rate_limit,
        disable_circuit_breaker=disable_circuit_breaker, timeout=timeout, mock=mock,
    )  # fmt: skip
    results: dict[str, Any] = {}
    known = {"session_id": session_id} if session_id is not None else {}
    with connection.open() as client:
        check_before_sending(audio, skip=no_validate)
        results["deepfake"] = client.detect_deepfake(audio, {**known, "channel": "web"})
        if enrollment_id is not None:
            results["mfa"] = client.verify_mfa(audio, enrollment_id, {**known, "channel": "ivr"})
        if reported and session_id is not None:
            words = reason or REPORT_REASON
            results["sar"] = client.submit_sar(session_id, decision or "review", words, {"source": "sentinel-batch"})
    deliver(session.output, results, describe(results), file=output, pretty=pretty)
