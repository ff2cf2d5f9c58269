"""A proposal as HTML, for notebooks: all that comes from the file is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any


def render_html(facts: Mapping[str, Any]) -> str:
    """Return HTML of a proposal.

    Parameters
    ----------
    facts
        :meth:`~sentinel_batch.ingestion.proposal.result.DialectProposal.to_dict`.
    """
    layout = facts["layout"]
    parts = [f"<h4>{escape(facts['path'])}</h4>"]
    if layout is not None:
        head = "Recognised as" if facts["recognised"] else "No dialect fits; read by the proposed one,"
        parts.append(f"<p>{head} <b>{escape(layout['dialect'])}</b>: {escape(layout['reason'])}.</p>")
    parts += [f"<p>{escape(miss['text'])}</p>" for miss in facts["near_misses"]]
    if facts["missing"]:
        parts.append(f"<p>Missing: {escape(', '.join(facts['missing']))}.</p>")
    if layout is not None:
        rows = [(f["field"], ", ".join(f["columns"]), *f["samples"]) for f in layout["fields"]]
        parts.append(_table(("field", "column", "such as"), rows))
        names = list(dict.fromkeys(name for call in layout["calls"] for name in call))
        parts.append(_table(names, [[call.get(name, "") for name in names] for call in layout["calls"]]))
        parts.append(f"<p>Not used: {escape(', '.join(layout['unused']) or 'none')}.</p>")
    notices = [*facts["notices"], *(layout["notices"] if layout is not None else ())]
    parts.append("".join(f"<p>{escape(notice)}</p>" for notice in notices))
    return "\n".join([*parts, f"<pre>{escape(facts['toml'])}</pre>"])


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
