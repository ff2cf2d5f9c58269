"""Answers and requests of the voice API as OpenAPI describes them; published keys first, our own after them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sentinel_batch.service.shapes import Document

Label = Literal["likely_real", "uncertain", "likely_synthetic"]


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(extra="allow", json_schema_extra={"example": values}, protected_namespaces=())


class Refusal(Document):
    """A refusal."""

    model_config = _example(
        error="Bad request", message="Missing 'audio' or 'file' in request", code="missing",
        hint="curl sends a recording with -F audio=@call.wav",
    )  # fmt: skip
    error: str
    message: str
    code: str


class DetectAnswer(Document):
    """Whether a voice is synthetic."""

    model_config = _example(
        score=0.986074, label="likely_synthetic", latency_ms=412.7, session_id="session-123",
        model_version="telephone-5", recommended_action="defer_to_review", confidence=0.927, undetermined=False,
        abstention=None, is_valid=True, issues=[], duration_seconds=30.0, speech_seconds=21.4,
        channel_class="narrowband", sha256="e9299d1b…", segments=[], reasons=[], notices=[], splices=[],
    )  # fmt: skip
    score: float = Field(ge=0, le=1, description="0 = human … 1 = synthetic, calibrated; 0.5 if nothing can be scored.")
    label: Label
    latency_ms: float = Field(ge=0, description="From the arrival of the request to its answer.")
    session_id: str
    model_version: str
    recommended_action: Literal["allow", "deny", "defer_to_review"]
    confidence: float = Field(ge=0, le=1)
    undetermined: bool = Field(description="Whether no label is given; abstention says why.")
    abstention: str | None


class VerifyAnswer(Document):
    """Whether a recording carries an enrolled voice."""

    model_config = _example(
        verified=True, enrollment_id="enroll-123", confidence=0.97, session_id="session-123", latency_ms=530.1,
        recommended_action=None, reasons=["voice_match: the voice matches and the spoof check is not against it"],
        channel_match=True, log_likelihood_ratio=5.1, spoof_score=0.08, spoof_label="likely_real", undetermined=False,
        abstention=None, sha256="e9299d1b…",
    )  # fmt: skip
    verified: bool = Field(description="True only if the voice matches and the spoof check is not against it.")
    enrollment_id: str
    confidence: float = Field(ge=0, le=1, description="Calibrated probability of the same speaker.")
    session_id: str
    latency_ms: float = Field(ge=0)


class EnrolAnswer(Document):
    """What is enrolled, or still needed."""

    model_config = _example(
        enrollment_id="enroll-5f0c2a9d1b3e", status="pending", samples_required=3, samples_collected=1,
        message="Submit 2 more samples under this enrollment_id to complete.",
    )  # fmt: skip
    enrollment_id: str
    status: Literal["active", "pending"]
    samples_required: int
    samples_collected: int
    message: str


class ReportRequest(BaseModel):
    """What a report is about."""

    model_config = _example(
        session_id="session-123", decision="review", reason="Suspicious activity detected",
        metadata={"customer_id": "CUST789", "amount": 75000},
    )  # fmt: skip
    session_id: str = Field(min_length=1, max_length=128)
    decision: Literal["allow", "deny", "review"]
    reason: str = Field(min_length=1, max_length=4000)
    metadata: dict[str, Any] | None = None


class ReportAnswer(Document):
    """The draft that was stored."""

    model_config = _example(
        status="submitted", case_id="DRAFT-8F1C…", session_id="session-123", submitted_at="2026-01-23T00:15:30Z",
        draft=True, filed=False, notice="A draft for a compliance officer. Nothing was filed or sent.",
        decision="review", action="ESCALATE_TO_HUMAN", missing_fields=31, repeated=False,
    )  # fmt: skip
    status: Literal["submitted"]
    case_id: str
    session_id: str
    draft: Literal[True]


class HealthAnswer(Document):
    """How the service is."""

    model_config = _example(
        status="healthy", service="sentinel-batch", version="0.1.0", timestamp="2026-01-23T00:15:30Z"
    )
    status: Literal["healthy", "unhealthy"]
    service: str
    version: str
    timestamp: str


def describe_form(files: str, texts: dict[str, str], *, many: bool = False) -> dict[str, Any]:
    """Return the description of a form with a recording.

    Parameters
    ----------
    files
        What the recordings are.
    texts
        The other fields, and what each is.
    many
        Whether the form may hold several.
    """
    file: dict[str, Any] = {"type": "string", "format": "binary", "description": files}
    field = {"type": "array", "items": file, "maxItems": 10} if many else file
    name = "audio_samples" if many else "audio"
    properties = {name: field, **{key: {"type": "string", "description": text} for key, text in texts.items()}}
    schema = {"type": "object", "required": [name], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
