"""The list of sources in ``docs/voice-data.md``: ``python -m research.corpus.sources_page docs/voice-data.md``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from research.corpus.catalogue import read_rows
from research.corpus.demonstrations import LIST

MARK = "<!-- made by research.corpus.sources_page -->"
HEAD = ("source", "licence", "shows", "families", "human", "synthetic", "side")
FAMILIES_SHOWN = 4

Row = Mapping[str, str]


def list_sources(rows: Iterable[Row]) -> str:
    """Return a table in Markdown: one line for each source of a manifest, those kept for evaluation last.

    Parameters
    ----------
    rows
        Lines of ``demonstrations.csv``.
    """
    by_source: dict[tuple[bool, str, str], list[Row]] = {}
    for row in rows:
        by_source.setdefault((row["split"] == "evaluation", row["source"].lower(), row["source"]), []).append(row)
    lines = [_describe(name, by_source[kept, key, name]) for kept, key, name in sorted(by_source)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (HEAD, ("---",) * len(HEAD), *lines))


def _describe(name: str, rows: list[Row]) -> tuple[str, ...]:
    counts = Counter(row["class"] for row in rows)
    families = sorted({row["family"] for row in rows} - {""})
    shown = ", ".join(families[:FAMILIES_SHOWN]) + (", …" if len(families) > FAMILIES_SHOWN else "")
    kind = max(row["kind"] for row in rows) or "human speech"
    side = f"fold {rows[0]['fold']}" if rows[0]["fold"] else "evaluation"
    return name, rows[0]["licence"], kind, shown, str(counts["human"]), str(counts["synthetic"]), side


def write_list(page: Path, rows: Iterable[Row]) -> None:
    """Replace what follows the mark in a page with the list of sources."""
    before = page.read_text(encoding="utf-8").partition(MARK)[0]
    page.write_text(f"{before}{MARK}\n\n{list_sources(rows)}\n", encoding="utf-8")


if __name__ == "__main__":
    write_list(Path(sys.argv[1]), read_rows(LIST.with_suffix(".csv")))
