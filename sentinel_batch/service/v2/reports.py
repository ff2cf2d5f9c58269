"""Files of reports: only those that lie in the folder of reports, and nothing that a link leads to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import FileResponse, JSONResponse, Response

from sentinel_batch.service.access import READ, Principal, needs
from sentinel_batch.service.answers import answer, is_masked
from sentinel_batch.service.failures import ReportNotFoundError
from sentinel_batch.service.v2.common import PREFIX, Answer, listed, service_of

router = APIRouter(prefix=PREFIX, tags=["v2"])

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}
_MOST_FILES = 2000
# The page may run its own scripts, and has nothing of this origin: no keys, no storage, no requests in its name.
_PAGE_POLICY = "sandbox allow-scripts allow-downloads allow-popups"


@router.get("/reports", response_model=Answer, dependencies=[needs(READ)])
def list_reports(request: Request) -> JSONResponse:
    """List the files of reports, the newest first."""
    files = sorted(
        find_files(service_of(request).desk.config.reports), key=lambda row: row["modified_at"], reverse=True
    )
    return answer(request, listed("files", files))


@router.get("/reports/{path:path}", response_class=Response)
def send_report(request: Request, path: str, principal: Principal = needs(READ)) -> Response:  # noqa: B008
    """Send one of the listed files."""
    service = service_of(request)
    if is_masked(principal, service.settings):
        raise HTTPException(403, "Reports hold whole numbers, and the role reader sees masked ones.")
    folder = service.desk.config.reports
    # Looked up among those that are listed: no path that a client writes is ever opened.
    if path not in [row["path"] for row in find_files(folder)]:
        raise ReportNotFoundError(f"There is no report {path!r}.", hint="GET /api/v2/reports lists them.")
    file = folder / path
    headers = {"Content-Security-Policy": _PAGE_POLICY} if file.suffix == ".html" else None
    return FileResponse(file, media_type=_TYPES[file.suffix], headers=headers)


def find_files(folder: Path) -> list[dict[str, Any]]:
    """Return the files that may be sent: ``path, size_bytes, modified_at``."""
    found = []
    for entry, path in _walk(folder):
        facts = entry.stat(follow_symlinks=False)
        modified = datetime.fromtimestamp(facts.st_mtime, UTC)
        found.append({"path": path, "size_bytes": facts.st_size, "modified_at": modified})
        if len(found) >= _MOST_FILES:
            break
    return found


def _walk(folder: Path, prefix: str = "", depth: int = 0) -> Iterator[tuple[os.DirEntry[str], str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        path = prefix + entry.name
        if entry.is_dir(follow_symlinks=False) and depth < 3:
            yield from _walk(Path(entry.path), f"{path}/", depth + 1)
        elif entry.is_file(follow_symlinks=False) and Path(entry.name).suffix in _TYPES:
            yield entry, path
