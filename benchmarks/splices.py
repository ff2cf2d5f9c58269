"""Spliced sentences: how many are named in place, and how many calls without one alarm.

``python -m benchmarks.splices --corpus DIR [--split evaluation] [--calls 100]`` composes calls of one to ten minutes of
the human clips in DIR (``clips.csv``, see `research.splices.calls`), with agents, hold music, changes of level and lost
packets; every second call holds five seconds of synthetic speech. Each is written as a file and scored by `score`, as
`audio run` does. A splice counts as named if a span covers half of it; any other span is a false alarm, whether the
call holds a splice or not. The old way, `find_suspicious_spans` at the threshold of the label, stands beside it.

Intervals (95 %) are drawn over sources, not over calls: calls of one source are alike.
Writes ``benchmarks/results/splices.md`` and prints it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from audio_batch.spoof import load_model, score
from audio_batch.spoof.aggregation import find_suspicious_spans
from audio_batch.verdict import Verdict
from research.splices.calls import RATE, Call, Pool, compose_call, read_corpus

RESULTS = Path(__file__).parent / "results" / "splices.md"
SECONDS = (60.0, 600.0)
DRAWS = 2000
Span = tuple[float, float]


@dataclass(frozen=True)
class Found:
    """What was found in one call by one way: whether its splice was named (None without one), and false spans."""

    source: str
    named: bool | None
    false_spans: int


def compose_calls(pool: Pool, count: int) -> list[Call]:
    """Compose calls, every second one with a splice."""
    calls = []
    for number in range(count):
        rng = np.random.default_rng([2, number])
        seconds = float(np.exp(rng.uniform(*np.log(SECONDS))))
        calls.append(compose_call(pool, rng, seconds=seconds, splices=1 - number % 2))
    return calls


def judge(call: Call, spans: Sequence[Span]) -> Found:
    """Compare the spans that were named with the splice."""
    hits = [any(_overlap(span, splice) >= (splice[1] - splice[0]) / 2 for splice in call.splices) for span in spans]
    return Found(str(call.facts["source"]), any(hits) if call.splices else None, hits.count(False))


def _overlap(one: Span, other: Span) -> float:
    return min(one[1], other[1]) - max(one[0], other[0])


def name_by_splices(verdict: Verdict) -> list[Span]:
    """Return the spans that the verdict names."""
    return [(splice.start, splice.end) for splice in verdict.splices]


def name_by_scores(verdict: Verdict) -> list[Span]:
    """Return the spans whose segments score above the threshold of the label."""
    threshold = load_model().thresholds.synthetic
    return [(span.start, span.end) for span in find_suspicious_spans(verdict.segments, threshold)]


WAYS: dict[str, Callable[[Verdict], list[Span]]] = {
    "against the call's own": name_by_splices,
    "scores above the threshold (before)": name_by_scores,
}


def measure(calls: Sequence[Call]) -> dict[str, list[Found]]:
    """Score each call from a file and judge every way of naming."""
    found: dict[str, list[Found]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        for call in calls:
            path = Path(name) / "call.wav"
            soundfile.write(path, call.signal, RATE, subtype="PCM_16")
            verdict = score(path)
            for way, spans in WAYS.items():
                found[way].append(judge(call, spans(verdict)))
    return found


def describe(found: dict[str, list[Found]]) -> str:
    """Return the table."""
    lines = ["| way | splices named in place | calls with a false alarm | calls | sources |", "|---|---|---|---:|---:|"]
    for way, rows in found.items():
        named = _rate([(row.source, float(row.named)) for row in rows if row.named is not None])
        alarms = _rate([(row.source, float(row.false_spans > 0)) for row in rows])
        lines.append(f"| {way} | {named} | {alarms} | {len(rows)} | {len({row.source for row in rows})} |")
    return "\n".join(lines) + "\n"


def _rate(rows: Sequence[tuple[str, float]]) -> str:
    """Return a share with its interval, drawn over sources."""
    if not rows:
        return "–"
    rng = np.random.default_rng(0)
    sources = sorted({source for source, _ in rows})
    groups = [np.array([value for source, value in rows if source == name]) for name in sources]
    draws = [
        float(np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))]).mean())
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{np.mean([value for _, value in rows]):.0%} [{low:.0%} to {high:.0%}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with clips.csv")
    parser.add_argument("--split", default="evaluation", help="which clips of it")
    parser.add_argument("--calls", type=int, default=100)
    arguments = parser.parse_args()
    pool = Pool.of(read_corpus(arguments.corpus), arguments.split)
    table = describe(measure(compose_calls(pool, arguments.calls)))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(table)
    print(table)


if __name__ == "__main__":
    main()
