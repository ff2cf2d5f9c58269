"""Command ``remote verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel_batch.cli.remote.connection import (
    ApiUrl,
    Audio,
    Connection,
    Mock,
    NoValidate,
    Retries,
    SessionId,
    Tenant,
    Timeout,
)
from sentinel_batch.cli.remote.delivery import OutputFile, Pretty, check_before_sending, deliver, describe
from sentinel_batch.cli.session import Session, with_session


@with_session
def verify(
    session: Session,
    audio: Audio,
    enrollment_id: Annotated[
        str, typer.Option("--enrollment-id", metavar="ID", help="Whose voice it should be.", show_default=False)
    ],
    session_id: SessionId = None,
    api_url: ApiUrl = None,
    tenant_id: Tenant = None,
    max_retries: Retries = 3,
    timeout: Timeout = 30.0,
    mock: Mock = False,
    no_validate: NoValidate = False,
    output: OutputFile = None,
    pretty: Pretty = False,
) -> None:
    """Ask whether a recording carries an enrolled voice.

    Exit code 0 means that there is an answer: see "verified". Others as for score.
    """
    connection = Connection(api_url=api_url, tenant_id=tenant_id, max_retries=max_retries, timeout=timeout, mock=mock)
    known = {"session_id": session_id} if session_id is not None else {}
    with connection.open() as client:
        check_before_sending(audio, skip=no_validate)
        answer = client.verify_mfa(audio, enrollment_id, {**known, "channel": "ivr"})
    deliver(session.output, answer, describe({"mfa": answer}), file=output, pretty=pretty)
