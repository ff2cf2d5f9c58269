"""Command ``remote stream``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from sentinel_batch.cli.output import Activity, Output
from sentinel_batch.cli.remote.connection import (
    Audio,
    Connection,
    Enrollment,
    NoValidate,
    SessionId,
    with_connection,
)
from sentinel_batch.cli.remote.delivery import Delivery, check_before_sending, describe, with_delivery
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode


@with_session
@with_delivery
@with_connection(rate_limit=2.0)
def stream(
    session: Session,
    connection: Connection,
    delivery: Delivery,
    audio: Audio,
    chunk_duration: Annotated[
        float, typer.Option("--chunk-duration", metavar="SECONDS", min=1, max=3600, help="Length of a chunk.")
    ] = 10.0,
    enrollment_id: Enrollment = None,
    session_id: SessionId = None,
    sar: Annotated[
        Literal["auto", "never", "always"],
        typer.Option("--sar", metavar="auto|never|always", help="Submit a report; auto if a chunk scores above 0.7."),
    ] = "never",
    no_validate: NoValidate = False,
) -> ExitCode:
    """Score a long recording in chunks, and put the answers together.

    It is decoded as it is sent, so its length does not matter. Exit codes: 13 a chunk scores above 0.7, 3 some chunks
    have no score or the file is damaged, 1 none has a score, or the server refused the key: nothing is sent after that.
    """
    from audio_batch.remote import stream_file

    out = session.output
    with connection.open() as client, out.progress("Streaming") as bar:
        check_before_sending(audio, skip=no_validate)
        result = stream_file(
            client,
            audio,
            chunk_duration=chunk_duration,
            enrollment_id=enrollment_id,
            session_id=session_id,
            progress=lambda done, total: _tell(bar, done, total),
        )
        summary = result["summary"]
        wanted = sar == "always" or (sar == "auto" and summary["high_risk_chunks"])
        if wanted and not result["key_refused"]:
            reason = f"{summary['high_risk_chunks']} of {summary['total_chunks']} chunks score above 0.7"
            facts = {"source": "stream", "max_score": summary["max_deepfake_score"]}
            result["sar"] = client.submit_sar(result["session_id"], "review", reason, facts)
    delivery.give(out, result, _describe(result))
    _name_failures(out, result)
    return _judge(result)


def _tell(bar: Activity | None, done: float, total: float | None) -> None:
    if bar is not None:
        bar.tell(f"{done:,.0f} s" + (f" of {total:,.0f}" if total else ""), done / total if total else 0.0)


def _describe(result: dict[str, Any]) -> list[str]:
    summary = result["summary"]
    highest, mean = summary["max_deepfake_score"], summary["avg_deepfake_score"]
    scores = "none" if highest is None else f"highest {highest:.3f}, mean {mean:.3f}"
    lines = [
        f"Chunks    {summary['total_chunks']:,} scored, {summary['failed_chunks']:,} failed",
        f"Length    {summary['seconds']:,.1f} s",
        f"Score     {scores} (0 human, 1 synthetic)",
        f"High risk {summary['high_risk_chunks']:,} above 0.7",
    ]
    if summary["verified_chunks"] is not None:
        lines.append(f"Verified  {summary['verified_chunks']:,}")
    return lines + describe({"sar": result.get("sar")})


def _name_failures(out: Output, result: dict[str, Any]) -> None:
    if result["error"] is not None:
        out.error(f"The recording could not be decoded to its end: {result['error']['message']}")
    if result["key_refused"]:
        out.error("The server refused the key; nothing more was sent. Check SONOTHEIA_API_KEY.")
    for chunk in [chunk for chunk in result["chunks"] if "error" in chunk][:5]:
        out.error(f"Chunk {chunk['chunk_index']} (at {chunk['start']:g} s): {chunk['error']}")


def _judge(result: dict[str, Any]) -> ExitCode:
    summary = result["summary"]
    if not summary["total_chunks"] or result["key_refused"]:
        return ExitCode.FAILED
    if summary["high_risk_chunks"]:
        return ExitCode.FOUND_HIGH
    return ExitCode.PARTLY_DONE if summary["failed_chunks"] or result["error"] else ExitCode.DONE
