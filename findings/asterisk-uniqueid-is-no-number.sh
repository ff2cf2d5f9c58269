#!/usr/bin/env bash
# DuckDB, Polars, pyarrow: ten calls of an Asterisk switch share one id once its CSV file is read.
#
# Guess:   Asterisk's uniqueid and linkedid (1769072400.10: seconds, a dot, a counter) come out of a CSV reader as they
#          are, or at least distinct, so that legs can be joined by them.
# Instead: They look like decimal numbers, so all three readers infer a float, and .1, .10 and .100 are one value. Of
#          1,000 calls with counters 1 to 1000 in one second 900 ids are left. No reader warns.
# Bites:   Whoever joins legs, recordings or the rows of CEL and CDR by uniqueid: strangers' calls become legs of one
#          call. It shows only on a switch that has been up for ten calls or more, so never in a small test.
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

rows = [f"1769072400.{counter},0803{counter:07d}" for counter in range(1, 1001)]
Path("Master.csv").write_text("\n".join(["uniqueid,src", *rows]) + "\n")

seen = {
    f"duckdb {duckdb.__version__}": duckdb.sql(
        "SELECT any_value(typeof(uniqueid)), count(DISTINCT uniqueid) FROM read_csv('Master.csv')"
    ).fetchall()[0],
    f"polars {pl.__version__}": (
        str(pl.read_csv("Master.csv").schema["uniqueid"]),
        pl.read_csv("Master.csv")["uniqueid"].n_unique(),
    ),
    f"pyarrow {pa.__version__}": (
        str(pc.read_csv("Master.csv").schema.field("uniqueid").type),
        len(pc.read_csv("Master.csv")["uniqueid"].unique()),
    ),
}
for reader, (kind, distinct) in seen.items():
    print(f"{reader:15} {kind:8} distinct ids of 1000 calls: {distinct}")
assert list(seen.values()) == [("DOUBLE", 900), ("Float64", 900), ("double", 900)], seen
PY
