"""Command ``remote golden-path``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sentinel_batch.cli.audio.options import PolicyName
from sentinel_batch.cli.audio.ruling import Facts, gather_context
from sentinel_batch.cli.remote.connection import (
    ApiUrl,
    Audio,
    Connection,
    Enrollment,
    Mock,
    NoValidate,
    Retries,
    SessionId,
    Tenant,
    Timeout,
)
from sentinel_batch.cli.remote.delivery import OutputFile, Pretty, check_before_sending, deliver
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode


@with_session
def golden_path(
    session: Session,
    audio: Audio,
    enrollment_id: Enrollment = None,
    session_id: SessionId = None,
    sar: Annotated[
        Literal["auto", "never", "always"],
        typer.Option(
            "--sar",
            metavar="auto|never|always",
            help="Submit a report; auto does so for what is escalated, blocked or scored above 0.8.",
        ),
    ] = "never",
    policy: PolicyName = "voice_only",
    fields: Facts = None,
    api_url: ApiUrl = None,
    tenant_id: Tenant = None,
    max_retries: Retries = 3,
    timeout: Timeout = 30.0,
    mock: Mock = False,
    no_validate: NoValidate = False,
    output: OutputFile = None,
    pretty: Pretty = False,
) -> ExitCode:
    """Go the whole way: score, verify, decide by a policy, report if asked; prints one JSON document.

    Exit codes: 3 the recording was scored, but a verification or report that was asked for failed; others as for score.
    """
    from audio_batch.remote import follow_golden_path

    connection = Connection(api_url=api_url, tenant_id=tenant_id, max_retries=max_retries, timeout=timeout, mock=mock)
    with connection.open() as client:
        check_before_sending(audio, skip=no_validate)
        result = follow_golden_path(
            client,
            audio,
            enrollment_id=enrollment_id,
            session_id=session_id,
            sar=sar,
            policy=policy,
            context=gather_context(fields),
        )
    deliver(session.output, result, (), file=output, pretty=pretty, always_json=True)
    return ExitCode.PARTLY_DONE if result["diagnostics"]["errors"] else ExitCode.DONE
