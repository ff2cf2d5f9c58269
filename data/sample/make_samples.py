"""Make the sample files of ``data/sample/calls``: ``python data/sample/make_samples.py``.

One night of calls as five sources would deliver them; equal runs give equal files. The SIM boxes of each file are
listed in ``truth.json``.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.simulation import MockCDRGenerator

HERE = Path(__file__).parent
CALLS = HERE / "calls"
Row = dict[str, Any]


def main() -> None:
    """Write every sample file."""
    truth: dict[str, list[str]] = {}
    CALLS.mkdir(exist_ok=True)
    dirty = MockCDRGenerator(seed=1, dirty=0.01)
    truth["core-sentinel-dirty.csv"] = dirty.save_to_file(
        CALLS / "core-sentinel-dirty.csv", total_records=5000, simbox_callers=3, simbox_calls_per_caller=75
    )
    (CALLS / "core-sentinel-dirty.truth.json").unlink()
    for name, seed, total, boxes, calls, longest, write in (
        ("pbx-asterisk.csv", 2, 2500, 1, 230, 1, _asterisk),
        ("switch-freeswitch.csv.gz", 3, 2500, 1, 120, 2, _freeswitch),
        ("agence-generique-cp1252.csv", 4, 2500, 2, 110, 9, _french),
        ("partner-timestamps.csv", 5, 2000, 0, 0, 9, _timestamps),
    ):
        rows, truth[name] = _calls(seed, total, boxes, calls, longest)
        text = write(rows)
        content = text.encode("cp1252" if "cp1252" in name else "utf-8")
        (CALLS / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    (HERE / "truth.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


def _calls(seed: int, total: int, boxes: int, calls: int, longest: int) -> tuple[list[Row], list[str]]:
    """Draw calls; the SIM boxes' last ``longest`` seconds at most, so that several severities occur."""
    generator = MockCDRGenerator(seed=seed)
    numbers = generator.generate_csv(total, boxes, calls)[1]
    seconds = pl.col("duration_seconds")
    short = pl.col("caller_number").is_in(numbers) & (seconds > longest)
    frame = generator.generate_frame(total, boxes, calls).with_columns(
        pl.when(short).then(pl.lit(longest)).otherwise(seconds).alias("duration_seconds")
    )
    return frame.to_dicts(), numbers


def _csv(rows: Iterable[Iterable[Any]], **dialect: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", **dialect).writerows(rows)
    return text.getvalue()


def _asterisk(rows: list[Row]) -> str:
    """The file of ``cdr_csv``: no header, times in the system's zone, national numbers."""
    return _csv(
        (
            "", _national(r["caller_number"]), _national(r["callee_number"]), "from-internal",
            f'"{_national(r["caller_number"])}" <{_national(r["caller_number"])}>',
            f"PJSIP/gw-{n:08x}", f"PJSIP/out-{n:08x}", "Dial", "PJSIP/out", _stamp(r), _stamp(r), _stamp(r),
            r["duration_seconds"] + 6, r["duration_seconds"], "ANSWERED", "DOCUMENTATION", f"{1769000000 + n}.{n}", "",
        )
        for n, r in enumerate(rows)
    )  # fmt: skip


def _freeswitch(rows: list[Row]) -> str:
    return _csv(
        (
            (
                r["caller_number"], r["caller_number"], r["callee_number"], "default", _stamp(r), _stamp(r), _stamp(r),
                r["duration_seconds"] + 6, r["duration_seconds"], "NORMAL_CLEARING",
                f"00000000-0000-4000-8000-{n:012x}", "", "", "PCMU", "PCMU",
            )
            for n, r in enumerate(rows)
        ),
        quoting=csv.QUOTE_ALL,
    )  # fmt: skip


def _french(rows: list[Row]) -> str:
    """Header in French, semicolons, day first, a title before the table and a total after it."""
    head = ("Numéro SIM", "Numéro appelé", "Date heure", "Durée secondes", "Cellule")
    body = _csv(
        (
            head,
            *(
                (
                    r["caller_number"], r["callee_number"],
                    "/".join(reversed(r["call_date"].split("-"))) + " " + r["call_time"],
                    r["duration_seconds"], r["location_code"],
                )
                for r in rows
            ),
        ),
        delimiter=";",
    )  # fmt: skip
    return f"Relevé d'appels - agence de Cotonou\n\n{body}Total;{len(rows)}\n"


def _timestamps(rows: list[Row]) -> str:
    head = ("call_timestamp", "caller_number", "callee_number", "duration_seconds")
    body = ((f"{_stamp(r).replace(' ', 'T')}+01:00", *(r[name] for name in head[1:])) for r in rows)
    return _csv((head, *body))


def _stamp(row: Row) -> str:
    return f"{row['call_date']} {row['call_time']}"


def _national(number: str) -> str:
    return "0" + number.removeprefix("+234")


if __name__ == "__main__":
    main()
