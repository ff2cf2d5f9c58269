"""Requests and answers of the frozen first version, keys and their order as published; our own keys come after them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

SEED_ALERT = (
    "id", "alert_type", "suspect_number", "alert_severity", "evidence_summary", "call_count", "unique_destinations",
    "avg_duration_seconds", "detection_rule", "created_at", "reviewed",
)  # fmt: skip
"""Keys of an alert, in the published order."""


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Severity = Annotated[Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"], BeforeValidator(_upper)]

Int64 = Annotated[int, Field(ge=1, le=2**63 - 1)]
Plain = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Note = Annotated[str, Field(max_length=4000)]


class Document(BaseModel):
    """An answer, to which keys may be added."""

    model_config = ConfigDict(extra="allow")


class Detail(BaseModel):
    """A refusal."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"example": {"detail": "There is no alert 999. Nearest ids: 101, 102."}}
    )
    detail: str | list[dict[str, Any]]


class IngestAnswer(Document):
    """What became of a file: processed = inserted + duplicates + rejected + skipped."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "status": "success",
                "records_processed": 5000,
                "records_inserted": 4998,
                "duplicates_skipped": 2,
                "processing_time_seconds": 12.5,
                "records_rejected": 0,
            }
        },
    )
    status: str
    records_processed: int
    records_inserted: int
    duplicates_skipped: int
    processing_time_seconds: float


class Accepted(Document):
    """A job that takes longer than the request waits."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {"status": "accepted", "job_id": "20260123T001530000000-9f3a1c", "location": "/api/v2/jobs/…"}
        },
    )
    status: Literal["accepted"]
    job_id: str
    location: str


class DetectRequest(BaseModel):
    """Thresholds of a detection; all may be left out, and are then those of the settings."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"time_window_hours": 24, "min_unique_destinations": 50, "max_avg_duration_seconds": 3.0}
        }
    )
    time_window_hours: int | None = Field(None, ge=1, le=168, description="Length of the sliding window.")
    min_unique_destinations: int | None = Field(
        None, ge=1, le=1_000_000, description="A suspect calls more than so many different numbers."
    )
    max_avg_duration_seconds: float | None = Field(
        None, ge=0, le=3600, allow_inf_nan=False, description="A suspect's calls last less than this on average."
    )
    until: Plain | None = Field(
        None,
        description="End of the examined period, RFC 3339; the newest call when left out.",
        examples=["2026-01-23T00:00:00Z"],
    )
    since: Plain | None = Field(
        None, description="Its begin, RFC 3339 or a duration such as 7d; 24 hours before its end when left out."
    )
    trailing: bool = Field(False, description="Examine only the single window that ends with the period.")

    def to_parameters(self) -> dict[str, Any]:
        """Return what the job is given."""
        return {
            "window": f"{self.time_window_hours}h" if self.time_window_hours is not None else None,
            "min_unique_destinations": self.min_unique_destinations,
            "max_avg_duration": self.max_avg_duration_seconds,
            "since": self.since,
            "until": self.until,
            "trailing": self.trailing,
        }


class DetectAnswer(Document):
    """What a detection found."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "status": "success",
                "alerts_generated": 3,
                "alert_ids": [101, 102, 103],
                "suspects": ["+2348012345678", "+2349087654321", "+2347065432109"],
                "until": "2026-01-23T00:00:00Z",
            }
        },
    )
    status: str
    alerts_generated: int
    alert_ids: list[int]
    suspects: list[str]


class Alert(Document):
    """One alert."""

    id: int
    alert_type: str
    suspect_number: str
    alert_severity: str
    evidence_summary: str | None
    call_count: int | None
    unique_destinations: int | None
    avg_duration_seconds: float | None
    detection_rule: str
    created_at: datetime
    reviewed: bool


class AlertList(Document):
    """Alerts, as filtered."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "status": "success",
                "count": 1,
                "alerts": [
                    {
                        "id": 101,
                        "alert_type": "SDHF_SIMBOX",
                        "suspect_number": "+2348012345678",
                        "alert_severity": "HIGH",
                        "evidence_summary": "120 calls to 95 different numbers, 2.2 s on average",
                        "call_count": 120,
                        "unique_destinations": 95,
                        "avg_duration_seconds": 2.2,
                        "detection_rule": "SDHF_001",
                        "created_at": "2026-01-23T00:15:30Z",
                        "reviewed": False,
                    }
                ],
            }
        },
    )
    status: str
    count: int
    alerts: list[Alert]


class AlertUpdate(BaseModel):
    """A review. What is left out stays as it is; ``"reviewer_notes": null`` erases the notes."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"reviewed": True, "reviewer_notes": "Confirmed SIM Box - escalated to security team"}
        }
    )
    reviewed: bool | None = Field(None, description="true reviews; false takes the review back.")
    reviewer_notes: Note | None = None
    disposition: Literal["confirmed", "false-positive", "watch"] | None = Field(None, description="A verdict, if any.")
    replace: bool = Field(False, description="Whether an earlier verdict may be replaced.")


class AlertAnswer(Document):
    """An alert as it is now."""

    status: str
    alert: Alert


class Health(Document):
    """How the service is."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"example": {"status": "healthy", "service": "sentinel-batch", "version": "0.1.0"}},
    )
    status: str
    service: str
    version: str


class CallEvent(BaseModel):
    """A call that has just taken place."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "caller_number": "+2348012345678",
                "callee_number": "+2349087654321",
                "duration_seconds": 2,
                "call_direction": "outbound",
                "timestamp": "2024-01-15T14:32:15Z",
            }
        }
    )
    caller_number: Plain = Field(min_length=1)
    callee_number: Plain = Field(min_length=1)
    duration_seconds: float = Field(ge=0, lt=10**7, allow_inf_nan=False)
    call_direction: Literal["inbound", "outbound", "internal"] | None = None
    timestamp: Plain = Field(description="RFC 3339; without an offset it is read as UTC.", min_length=1)
    event_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = Field(
        None, description="The sender's own id; the same id is the same event."
    )
    termination_cause: Plain | None = None
    location_code: Plain | None = None
    imei: Plain | None = None
    imsi: Plain | None = None
    call_id: Plain | None = None


class EventAnswer(Document):
    """The event was kept; its caller's risk over the last 24 hours, this call included."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {"status": "accepted", "event_id": "evt_abc123def456", "risk_score": 0.73, "risk_level": "high"}
        },
    )
    status: Literal["accepted"]
    event_id: str
    risk_score: float = Field(ge=0, le=1)


class EventsAnswer(Document):
    """What became of each of many events: received = accepted + repeated + refused."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "status": "success",
                "received": 2,
                "accepted": 1,
                "repeated": 0,
                "refused": 1,
                "events": [
                    {"index": 0, "status": "accepted", "event_id": "evt_abc123def456", "risk_score": 0.73},
                    {
                        "index": 1,
                        "status": "refused",
                        "detail": [{"type": "missing", "loc": ["body", "callee_number"], "msg": "Field required"}],
                    },
                ],
            }
        },
    )
    status: str
    received: int
    accepted: int
    repeated: int
    refused: int
    events: list[dict[str, Any]]


def alert_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alert with the published keys first."""
    return {name: row[name] for name in SEED_ALERT} | dict(row)
