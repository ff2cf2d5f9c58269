#!/usr/bin/env bash
# DuckDB: the name of a folder above the data replaces a column that the files hold.
#
# Guess:   read_parquet() of a plain file returns what is in the file. If a folder on the way is called operator=glo (a
#          habit of object stores and backups), that adds a column at most; a column that the file has itself wins, as
#          with Polars.
# Instead: The folder wins, without a word: every row says operator = 'glo', whatever the file holds. The type is taken
#          from the folder's name too. It works from any height of the path, for single files, and for CSV.
# Bites:   A lake that was moved to backup/operator=glo/… or read from a mounted bucket: rules by operator, trunk or
#          duration compute on a constant. hive_partitioning = false in every read is the cure.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile duckdb==2.0.0 polars==2.1.0
mkdir -p "$work/operator=glo/duration_seconds=60/lake"
cd "$work"

"$work/venv/bin/python" - <<'PY'
from pathlib import Path

import duckdb
import polars as pl

print("duckdb", duckdb.__version__, "polars", pl.__version__)
lake = Path("operator=glo/duration_seconds=60/lake")
calls = pl.DataFrame({"caller": ["a", "b"], "operator": ["mtn", "airtel"], "duration_seconds": [5, 7]})
calls.write_parquet(lake / "calls.parquet")
calls.write_csv(lake / "calls.csv")

readings = {
    "polars": pl.read_parquet(lake / "calls.parquet").rows(),
    "duckdb parquet": duckdb.sql(f"FROM read_parquet('{lake}/calls.parquet')").fetchall(),
    "duckdb csv": duckdb.sql(f"FROM read_csv('{lake}/calls.csv')").fetchall(),
    "duckdb, told": duckdb.sql(f"FROM read_parquet('{lake}/calls.parquet', hive_partitioning = false)").fetchall(),
}
for reader, rows in readings.items():
    print(f"{reader:15} {rows}")
replaced = [("a", "glo", 60), ("b", "glo", 60)]
assert readings["polars"] == readings["duckdb, told"] == calls.rows(), readings
assert readings["duckdb parquet"] == readings["duckdb csv"] == replaced, readings
PY
