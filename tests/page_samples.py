"""A lake with something for every page, with text in it that would like to be code."""

from __future__ import annotations

from pathlib import Path

from box_samples import plan_network

import sentinel_batch as sb
from sentinel_batch.boxes import alert_boxes, record_boxes
from sentinel_batch.lake import Lake
from tests.sentinel_batch.reporting.report_lake import HOSTILE, mixed_alerts, rows

LONG = "x" * 3000
ESCAPE = "\x1b[31mred\x1b[0m"


def fill_pages(folder: Path) -> Path:
    """Make a lake with alerts, a box, cases, profiles, suppressions and a report; returns its folder."""
    lake: Lake = plan_network("<b>KAN007</b>").save(folder / "lake")
    desk = sb.open(lake.path, config=None).configure(box_callees=10, reports=folder / "reports")
    alert_boxes(record_boxes(desk), lake=desk)
    sb.build_profiles(desk)
    hostile = mixed_alerts(14, hostile=True)
    hostile[2] |= {"suspect_number": f"{ESCAPE}{LONG}", "evidence_summary": f"{ESCAPE} \u202egnp.exe {LONG}"}
    hostile = [{**row, "episode_start": row["window_start"], "episode_end": row["window_end"]} for row in hostile]
    lake.append("fraud_alerts", rows("fraud_alerts", hostile))
    sb.build_cases(lake=desk)
    sb.suppress("+2348099999999", reason=HOSTILE["note"], by=HOSTILE["number"], lake=desk)
    sb.write_report(lake=desk, out=folder / "reports" / "2026-01-23")
    return lake.path
