"""Command ``remote analyze``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sentinel_batch.cli.remote.connection import (
    Audio,
    Connection,
    NoValidate,
    with_connection,
)
from sentinel_batch.cli.remote.delivery import Delivery, check_before_sending, describe, with_delivery
from sentinel_batch.cli.session import Session, with_session


@with_session
@with_delivery
@with_connection()
def analyze(
    session: Session,
    connection: Connection,
    delivery: Delivery,
    audio: Audio,
    features_only: Annotated[bool, typer.Option("--features-only", help="Have it measured, and not scored.")] = False,
    no_validate: NoValidate = False,
) -> None:
    """Have a recording scored with reasons and features, or only measured. Exit codes as for score."""
    with connection.open() as client:
        check_before_sending(audio, skip=no_validate)
        answer = client.extract_features(audio) if features_only else client.analyze(audio)
    lines = _list_features(answer) if features_only else _describe(answer)
    delivery.give(session.output, answer, lines)


def _describe(answer: dict[str, Any]) -> list[str]:
    lines = describe({"deepfake": answer})
    if isinstance(answer.get("confidence"), int | float):
        lines.append(f"Confidence {answer['confidence']:.3f}")
    codes = answer.get("reason_codes")
    lines += [f"Because   {code}" for code in codes] if isinstance(codes, list) else []
    features = answer.get("dsp_features")
    return lines + (_list_features(features) if isinstance(features, dict) else [])


def _list_features(features: dict[str, Any]) -> list[str]:
    return [f"{name}  {value}" for name, value in features.items()]
