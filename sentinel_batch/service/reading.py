"""What the lake says, as answers to ``GET``: one moment for each, within a deadline, kept until a commit changes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fastapi import Request
from starlette.responses import Response

from sentinel_batch.desk import Desk
from sentinel_batch.service.access import principal_of
from sentinel_batch.service.answers import is_masked, render
from sentinel_batch.service.state import Service

WHILE = 30.0
"""Seconds for which an answer that the clock or the rules' files have a say in is kept: an entry may end by then."""

Read = Callable[[Desk], Any]
"""Reads an answer's document from a desk that stands at one moment of the lake."""


async def answer_from_lake(request: Request, read: Read, *, keep: float = math.inf, quick: bool = False) -> Response:
    """Answer with what a function reads, in a thread for readers.

    Parameters
    ----------
    request
        Path and query are the question; who asks decides only whether numbers are masked.
    read
        Reads the answer. It may read tables only through the desk that it is given.
    keep
        Seconds for which the answer is true if no table changes; :data:`WHILE` if the clock, or a file elsewhere,
        has a say in it.
    quick
        Whether nothing but small tables are read: no calls, no profiles.

    Raises
    ------
    DeadlineError
        If there is no answer in time; the client is told to come again.
    """
    service: Service = request.app.state.service
    desk = service.newest_desk()
    masked = is_masked(principal_of(request.scope), service.settings)
    scope = request.scope

    def work() -> bytes:
        return render(read(desk), masked=masked)

    question = (scope["path"], scope["query_string"], masked)
    kept = await service.answers.get(question, desk.tables, lambda: service.read(work, quick=quick), keep=keep)
    if kept.tag in _tags(request):
        return Response(status_code=304, headers={"ETag": kept.tag})
    return Response(kept.body, media_type="application/json", headers={"ETag": kept.tag})


def _tags(request: Request) -> list[str]:
    given = request.headers.get("if-none-match", "")
    return [tag.strip().removeprefix("W/") for tag in given.split(",")]
