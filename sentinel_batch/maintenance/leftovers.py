"""What gathers beside the tables, and should have been condensed or removed by now: for the doctor."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.maintenance.checks import Check
from sentinel_batch.maintenance.upkeep import DEFAULT_RETENTION_HOURS, NIGHTLY_UNNEEDED, last_checkpoint

LONG_LOG = 64
"""Commits since the last checkpoint from which a log is long: whoever opens the table reads each of them."""

OVERDUE_HOURS = 2 * DEFAULT_RETENTION_HOURS
"""A night removes what left a table a week ago; a week later it should be gone."""

_DAY_HOURS = 24


def check_log(lake: Lake, name: str, version: int) -> Iterator[Check]:
    """Warn of a log that was not condensed for long."""
    commits = version - last_checkpoint(lake, name)
    if commits >= LONG_LOG:
        yield Check(
            f"log {name}",
            "warning",
            f"{commits:,} commits since its last checkpoint: every command that opens the table reads them.",
            "The next night condenses it; or run sentinel-batch maintain.",
        )


def check_leftovers(lake: Lake, tables: Snapshot) -> Check:
    """Tell how much lies on the disk that no table needs any more, and warn if it should be gone."""
    overdue: dict[str, int] = {}
    files = size = 0
    for name in (name for name, version in tables.versions.items() if version is not None):
        live = set(tables.files(name))
        dead = {path: bytes_ for path, bytes_ in lake.list_sizes(name).items() if path not in live}
        files, size = files + len(dead), size + sum(dead.values())
        if len(dead) >= NIGHTLY_UNNEEDED and (old := _count_overdue(lake, name)) >= NIGHTLY_UNNEEDED:
            overdue[name] = old
    text = f"{files:,} files ({size / 1e6:,.1f} MB) left their tables, or never came into one"
    if overdue:
        worst = ", ".join(f"{count:,} of {name}" for name, count in overdue.items())
        return Check(
            "leftovers",
            "warning",
            f"{text}; {worst} more than {OVERDUE_HOURS // _DAY_HOURS} days ago",
            "Run sentinel-batch maintain, which removes them.",
        )
    return Check("leftovers", "ok", f"{text}; they are removed after {DEFAULT_RETENTION_HOURS // _DAY_HOURS} days")


def _count_overdue(lake: Lake, name: str) -> int:
    table = lake.open_table(name)
    if table is None:
        return 0
    return len(table.vacuum(OVERDUE_HOURS, dry_run=True, enforce_retention_duration=False, full=True))
