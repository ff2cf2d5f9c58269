"""The page of a night that failed before its report: so that nobody takes the report before it for this night's.

It needs no lake, which may be what failed.
"""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from batch_base.files import replaced_file
from batch_base.plain import to_plain
from sentinel_batch.lake import full_disk_reported
from sentinel_batch.reporting.head import prepare_head
from sentinel_batch.reporting.night import Night
from sentinel_batch.reporting.page import make_environment, read_asset, write_policy


def write_failure(folder: Path, night: Night, timezone: str, earlier: str | None) -> Path:
    """Write ``report.html`` of a night that has no report, and return it.

    Parameters
    ----------
    folder
        The night's folder.
    night
        What there is to say.
    timezone
        IANA zone of the times that are shown.
    earlier
        Folder of the last report, beside this one; None if there is none.
    """
    document = to_plain({"night": night.describe(), "lost_files": [], "alerts": [], "boxes": []})
    styles = read_asset("report.css") + read_asset("night.css")
    text = (
        make_environment(timezone)
        .get_template("failure.html.j2")
        .render(
            doc=document,
            earlier=earlier,
            timezone=timezone,
            styles=Markup(styles),  # noqa: S704 - our own files
            policy=write_policy(styles, []),
            **prepare_head(document),
        )
    )
    page = folder / "report.html"
    with full_disk_reported(folder), replaced_file(page, mode=0o644) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
    return page
