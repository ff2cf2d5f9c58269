"""Command ``remote sar``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from audio_batch.remote import wire
from sentinel_batch.cli.remote.connection import ApiUrl, Connection, Mock, Retries, Tenant, Timeout
from sentinel_batch.cli.remote.delivery import OutputFile, Pretty, deliver, describe
from sentinel_batch.cli.session import Session, with_session


@with_session
def sar(
    session: Session,
    session_id: Annotated[
        str, typer.Option("--session-id", metavar="ID", help="Session that it is about.", show_default=False)
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in words.", show_default=False)],
    decision: Annotated[
        Literal["allow", "deny", "review"],
        typer.Option("--decision", metavar="|".join(wire.DECISIONS), help="What was decided."),
    ] = "review",
    api_url: ApiUrl = None,
    tenant_id: Tenant = None,
    max_retries: Retries = 3,
    timeout: Timeout = 30.0,
    mock: Mock = False,
    output: OutputFile = None,
    pretty: Pretty = False,
) -> None:
    """Submit a suspicious activity report.

    An answer that was lost is not asked for again: the report may have been filed.
    """
    connection = Connection(api_url=api_url, tenant_id=tenant_id, max_retries=max_retries, timeout=timeout, mock=mock)
    with connection.open() as client:
        answer = client.submit_sar(session_id, decision, reason, {"source": "sentinel-batch"})
    deliver(session.output, answer, describe({"sar": answer}), file=output, pretty=pretty)
