"""Command ``dialects list``."""

from __future__ import annotations

from typing import Any

from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session


@with_session
def list_dialects(session: Session) -> None:
    """List the dialects that are shipped, in the order in which they are tried."""
    from sentinel_batch.ingestion import list_dialects as list_shipped

    dialects: list[dict[str, Any]] = [
        {
            "name": dialect.name,
            "description": dialect.description,
            "header": dialect.header,
            "recognised_by": list(dialect.recognised_by),
            "fields": list(dialect.fields),
        }
        for dialect in list_shipped()
    ]
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(dialects), "dialects": dialects})
        return
    columns = (Column("Dialect"), Column("Header"), Column("What writes it", fold=True))
    out.table(columns, [(entry["name"], entry["header"], entry["description"]) for entry in dialects])
