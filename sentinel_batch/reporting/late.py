"""What is known only after the page was written."""

from __future__ import annotations

from sentinel_batch.reporting.page import make_environment

AFTER_MARK = "<!-- after the report -->"
"""Where the page takes it; no text from outside can look like it."""


def add_late(page: str, troubles: list[dict[str, str]], timezone: str) -> str:
    """Return a finished page with more troubles at its head."""
    head, mark, rest = page.partition(AFTER_MARK)
    return head + mark + make_environment(timezone).get_template("late.html.j2").render(troubles=troubles) + rest
