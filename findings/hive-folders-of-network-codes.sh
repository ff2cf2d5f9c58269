#!/usr/bin/env bash
# Polars, pyarrow, DuckDB: mnc=01 and mnc=001 are two networks for one reader and one network for the others.
#
# Guess:   A data set partitioned by network code, prefix or cell (mnc=01/, mnc=001/) gives the folder's text back as
#          the column's value, as DuckDB does; in mobile networks 01 and 001 are different operators.
# Instead: Polars and pyarrow turn the text into numbers: 01 and 001 are both 1, the prefix 0803 is 803. Polars also
#          reads the hexadecimal cell ids 1E05 and 2E10 as 100000.0 and 2e10. DuckDB 2.0 keeps what it cannot write back
#          unchanged as text. So the same folder has another key with each reader.
# Bites:   Roaming and IMSI statistics by MCC and MNC, prefix tables, and joins between frames of two of these readers:
#          two operators are added up, or a join finds nothing.
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
import pyarrow.parquet as pq

print("duckdb", duckdb.__version__, "polars", pl.__version__, "pyarrow", pa.__version__)


def values(column, folders):
    """Return the partition values that DuckDB, Polars and pyarrow read from folders that hold one row each."""
    for folder in folders:
        path = Path(column, f"{column}={folder}")
        path.mkdir(parents=True)
        pq.write_table(pa.table({"calls": [1]}), path / "part.parquet")
    by_duckdb = duckdb.sql(f"SELECT {column} FROM read_parquet('{column}/*/*.parquet')").fetchall()
    return (
        sorted(row[0] for row in by_duckdb),
        sorted(pl.scan_parquet(column).collect()[column]),
        sorted(pq.read_table(column)[column].to_pylist()),
    )


seen = {
    "mnc": values("mnc", ["01", "001", "20"]),
    "prefix": values("prefix", ["0803", "0805"]),
    "cell": values("cell", ["1E05", "2E10"]),
}
for column, readings in seen.items():
    print(column, *zip(("duckdb", "polars", "pyarrow"), readings))
assert seen == {
    "mnc": (["001", "01", "20"], [1, 1, 20], [1, 1, 20]),
    "prefix": (["0803", "0805"], [803, 805], [803, 805]),
    "cell": (["1E05", "2E10"], [1e5, 2e10], ["1E05", "2E10"]),
}, seen
PY
