"""Suppressions, rules, runs and recordings."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from sentinel_batch.alerts import list_suppressions, suppress, unsuppress
from sentinel_batch.desk import Desk
from sentinel_batch.recordings import list_recordings
from sentinel_batch.rules import describe_rule, get_rule, read_catalogue
from sentinel_batch.schema import RUNS
from sentinel_batch.service.access import JUDGE, READ, Principal, needs
from sentinel_batch.service.answers import answer
from sentinel_batch.service.reading import WHILE, answer_from_lake
from sentinel_batch.service.shapes import Plain
from sentinel_batch.service.v2.common import PREFIX, Answer, Limit, listed, service_of

router = APIRouter(prefix=PREFIX, tags=["v2"])

Pattern = Annotated[str, Path(max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["+2348012345678"])]
RuleId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_]+$", examples=["SDHF_001"])]

_ENCODED = ("parameters", "versions", "inputs", "counts")


class Suppression(BaseModel):
    """A number, or a prefix with ``*``, that raises no alerts."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"pattern": "+2348012345678", "reason": "Hospital hotline", "until": "2026-12-31"}
        }
    )
    pattern: Plain = Field(min_length=1)
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    until: Plain | None = None


@router.get("/suppressions", response_model=Answer, dependencies=[needs(READ)])
async def list_all_suppressions(request: Request, active: bool | None = None) -> Response:
    """List what raises no alerts, and why."""

    def read(desk: Desk) -> dict[str, Any]:
        return listed("suppressions", list_suppressions(lake=desk, active=active).to_dicts())

    # They end by the clock.
    return await answer_from_lake(request, read, keep=WHILE, quick=True)


@router.post("/suppressions", response_model=Answer, status_code=201)
async def add_suppression(request: Request, wanted: Suppression, principal: Principal = needs(JUDGE)) -> JSONResponse:  # noqa: B008
    """Suppress a number or a prefix, or change its entry."""
    rows = await service_of(request).write(
        lambda desk: suppress(wanted.pattern, reason=wanted.reason, until=wanted.until, by=principal.name, lake=desk)
    )
    return answer(request, listed("suppressions", rows.to_dicts()), 201)


@router.delete("/suppressions/{pattern}", response_model=Answer)
async def remove_suppression(request: Request, pattern: Pattern, principal: Principal = needs(JUDGE)) -> JSONResponse:  # noqa: B008
    """Take a pattern off the list."""
    rows = await service_of(request).write(lambda desk: unsuppress(pattern, by=principal.name, lake=desk))
    return answer(request, listed("suppressions", rows.to_dicts()))


@router.get("/rules", response_model=Answer, dependencies=[needs(READ)])
def list_all_rules(request: Request) -> JSONResponse:
    """List the rules that a night runs, and those that cannot be used."""
    config = service_of(request).desk.config
    catalogue = read_catalogue(config)
    rules = [_without_file(describe_rule(rule, config)) for rule in catalogue.rules]
    return answer(request, {**listed("rules", rules), "failed": [failed.to_dict() for failed in catalogue.failed]})


@router.get("/rules/{rule_id}", response_model=Answer, dependencies=[needs(READ)])
def show_rule(request: Request, rule_id: RuleId) -> JSONResponse:
    """Show a rule with its SQL."""
    config = service_of(request).desk.config
    rule = get_rule(rule_id, config)
    facts = {**_without_file(describe_rule(rule, config)), "sql": rule.read_sql()}
    return answer(request, {"status": "success", "rule": facts})


@router.get("/runs", response_model=Answer, dependencies=[needs(READ)])
async def list_runs(request: Request, limit: Limit = 50) -> Response:
    """List what commands and requests did to the lake, the newest first."""
    scrub = service_of(request).settings.scrub

    def read(desk: Desk) -> dict[str, Any]:
        rows = desk.tables.read(RUNS.name).sort("started_at", "run_id", descending=True).head(limit).to_dicts()
        decoded = [{k: json.loads(scrub(v)) if k in _ENCODED else v for k, v in row.items()} for row in rows]
        return listed("runs", [{**row, "message": scrub(row["message"] or "")} for row in decoded])

    return await answer_from_lake(request, read, quick=True)


@router.get("/recordings", response_model=Answer, dependencies=[needs(READ)])
async def list_all_recordings(
    request: Request,
    label: Literal["likely_real", "uncertain", "likely_synthetic"] | None = None,
    action: Plain | None = None,
    number: Plain | None = None,
    limit: Limit = 50,
) -> Response:
    """List recordings with their score (0 human … 1 synthetic) and routing, the worst first."""

    def read(desk: Desk) -> dict[str, Any]:
        rows = list_recordings(desk, label=label, action=action, number=number, limit=limit).drop("picture")
        return listed("recordings", rows.to_dicts())

    return await answer_from_lake(request, read, quick=True)


def _without_file(facts: dict[str, Any]) -> dict[str, Any]:
    """Leave out where a rule lies on this machine."""
    return {name: value for name, value in facts.items() if name != "file"}
