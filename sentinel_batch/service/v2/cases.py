"""Cases, and what people do with them."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from sentinel_batch.cases import CaseFile, assign_case, close_case, get_case, list_cases, mark_case
from sentinel_batch.desk import Desk
from sentinel_batch.service.access import JUDGE, READ, Principal, needs
from sentinel_batch.service.answers import answer
from sentinel_batch.service.reading import answer_from_lake
from sentinel_batch.service.shapes import Int64, Note, Plain
from sentinel_batch.service.v2.common import PREFIX, Answer, Limit, listed, service_of

router = APIRouter(prefix=PREFIX, tags=["v2"])


class CaseUpdate(BaseModel):
    """A change of a case: an assignee, a mark, or, to close it, a verdict."""

    model_config = ConfigDict(json_schema_extra={"example": {"assignee": "ada", "status": "confirmed"}})
    assignee: Plain | None = None
    status: Literal["open", "watch", "confirmed"] | None = None
    verdict: Literal["confirmed", "false-positive", "watch"] | None = Field(None, description="Closes the case.")
    review: bool = Field(False, description="Give the verdict on all open alerts of its members, too.")
    notes: Note = ""


@router.get("/cases", response_model=Answer, dependencies=[needs(READ)])
async def list_all_cases(request: Request, status: Plain | None = None, limit: Limit = 50) -> Response:
    """List cases in the order of importance; those that are not closed unless a status is named."""
    return await answer_from_lake(
        request, lambda desk: listed("cases", list_cases(lake=desk, status=status, limit=limit).to_dicts()), quick=True
    )


@router.get("/cases/{case_id}", response_model=Answer, dependencies=[needs(READ)])
async def show_case(request: Request, case_id: Int64) -> Response:
    """Show a case with its members, links and history."""
    return await answer_from_lake(
        request, lambda desk: {"status": "success", **get_case(case_id, lake=desk).to_dict()}, quick=True
    )


@router.patch("/cases/{case_id}", response_model=Answer)
async def update_case(
    request: Request,
    case_id: Int64,
    update: CaseUpdate,
    principal: Principal = needs(JUDGE),  # noqa: B008
) -> JSONResponse:
    """Assign, mark or close a case."""
    if update.assignee is None and update.status is None and update.verdict is None:
        raise RequestValidationError(
            [{"type": "missing", "loc": ("body",), "msg": "Nothing to change: give assignee, status or verdict."}]
        )
    found = await service_of(request).write(lambda desk: _apply(desk, case_id, update, principal.name))
    return answer(request, {"status": "success", **found.to_dict()})


def _apply(desk: Desk, case_id: int, update: CaseUpdate, by: str) -> CaseFile:
    if update.assignee is not None:
        assign_case(case_id, update.assignee, by=by, lake=desk)
    if update.status is not None:
        mark_case(case_id, update.status, notes=update.notes, by=by, lake=desk)
    if update.verdict is not None:
        close_case(case_id, verdict=update.verdict, notes=update.notes, review=update.review, by=by, lake=desk)
    return get_case(case_id, lake=desk)
