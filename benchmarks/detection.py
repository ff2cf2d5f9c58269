"""The detection bench as the docs state it; ``python -m benchmarks.detection FOLDER`` writes page and figures there.

What is simulated stays in the folder, so that a run that was stopped goes on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sentinel_batch.evaluation import BenchPlan, bench_detection, render_report

PLAN = BenchPlan(subscribers=110_000, days=14, seeds=(301, 302))
"""Two boxes of each strategy in a population: 22 SIMs on average among 110,000 subscribers, 0.02 %."""


def main(folder: str) -> None:
    """Run the bench and write ``detection.md`` and ``detection.json``."""
    figures = bench_detection(folder, PLAN, progress=lambda words: print(words, file=sys.stderr))
    (Path(folder) / "detection.md").write_text(render_report(figures), encoding="utf-8")
    (Path(folder) / "detection.json").write_text(json.dumps(figures, indent=2, default=str), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
