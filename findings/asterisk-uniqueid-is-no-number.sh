#!/usr/bin/env bash
# DuckDB, Polars, pyarrow: calls of an Asterisk switch share ids once its CSV file is read, the more the longer it runs.
#
# Guess:   Asterisk's uniqueid and linkedid (1769072400.1234567: seconds, a dot, a counter of channels since the start)
#          come out of a CSV reader as they are, or at least distinct, so that legs can be joined by them.
# Instead: They look like decimal numbers, so all three readers infer a float. Its 53 bits leave steps of 0.00000024
#          beside such seconds: from a million channels on, neighbours in one second fall together (of 1,000 calls, ten
#          a second, 478 ids are left). And long before that each tenth id loses its final 0: 1769072400.10 is written
#          back as 1769072400.1 and finds neither its recording nor its rows in another file. No reader warns.
# Bites:   Whoever joins legs, recordings or the rows of CEL and CDR by uniqueid: strangers' calls become legs of one
#          call, on a busy switch that has not been restarted for weeks, and never in a small test.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile duckdb==2.0.0 polars==2.1.0 pyarrow==26.0.1
cd "$work"

"$work/venv/bin/python" - <<'PY'
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc


def read(ids):
    """Return, for each reader, the type, how many ids are distinct, and how many are written back as they were."""
    Path("Master.csv").write_text("\n".join(["uniqueid", *ids]) + "\n")
    by_duckdb = duckdb.sql("SELECT typeof(uniqueid), uniqueid::VARCHAR FROM read_csv('Master.csv')").fetchall()
    by_polars = pl.read_csv("Master.csv")["uniqueid"]
    by_pyarrow = pc.read_csv("Master.csv")["uniqueid"]
    columns = {
        f"duckdb {duckdb.__version__}": (by_duckdb[0][0], [row[1] for row in by_duckdb]),
        f"polars {pl.__version__}": (str(by_polars.dtype), by_polars.cast(pl.String).to_list()),
        f"pyarrow {pa.__version__}": (str(by_pyarrow.type), by_pyarrow.cast(pa.string()).to_pylist()),
    }
    return {
        reader: (kind, len(set(texts)), sum(text == written for text, written in zip(texts, ids, strict=True)))
        for reader, (kind, texts) in columns.items()
    }


def make_ids(first_channel):
    return [f"{1769072400 + call // 10}.{first_channel + call}" for call in range(1000)]


for title, first_channel, recorded in (
    ("after a restart", 100, (1000, 900)),
    ("after a million channels", 1_234_000, (478, 320)),
):
    print(f"1000 calls, {title}:")
    seen = read(make_ids(first_channel))
    for reader, (kind, distinct, unchanged) in seen.items():
        print(f"  {reader:15} {kind:8} {distinct} distinct ids, {unchanged} as they were written")
    assert {reading[1:] for reading in seen.values()} == {recorded}, seen
    assert {reading[0].lower() for reading in seen.values()} <= {"double", "float64"}, seen
PY
