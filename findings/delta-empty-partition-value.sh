#!/usr/bin/env bash
# Delta Lake: an empty trunk is NULL for one reader of the table and text for the others.
#
# Guess:   A Delta table partitioned by a text column gives back what was written, the same with each reader; empty text
#          and NULL (calls that came over no trunk) stay apart as in any other column.
# Instead: deltalake writes two folders (trunk= and trunk=__HIVE_DEFAULT_PARTITION__), but its pyarrow reader returns
#          NULL for both, while its own SQL engine, Polars' scan and DuckDB over the same files return '' and NULL. (The
#          protocol says that an empty partition value means NULL.)
# Bites:   Counts of calls without a trunk, cell or operator: "WHERE trunk = ''" finds rows or none, "IS NULL" one set
#          or two, depending on who reads the lake.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile deltalake==1.6.6 polars==2.1.0 pyarrow==26.0.1 duckdb==2.0.0
cd "$work"

"$work/venv/bin/python" - <<'PY'
import deltalake
import duckdb
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

print(*(f"{module.__name__} {module.__version__}" for module in (deltalake, pl, pa, duckdb)))
calls = pa.table({"trunk": pa.array(["SIP/301", "", None]), "call": [1, 2, 3]})
write_deltalake("calls", calls, partition_by=["trunk"])
table = DeltaTable("calls")
sql = QueryBuilder().register("calls", table).execute("SELECT trunk, call FROM calls").read_all()
columns = {
    "deltalake, pyarrow": table.to_pyarrow_table().to_pydict(),
    "deltalake, SQL": pa.table(sql).to_pydict(),
    "polars": pl.read_delta("calls").to_dict(as_series=False),
    "duckdb": duckdb.sql(f"SELECT trunk, call FROM read_parquet({table.file_uris()})").arrow().read_all().to_pydict(),
}
trunks = {reader: dict(sorted(zip(read["call"], read["trunk"]))) for reader, read in columns.items()}
for reader, seen in trunks.items():
    print(f"{reader:19} call -> trunk {seen}")
written = {1: "SIP/301", 2: "", 3: None}
assert trunks.pop("deltalake, pyarrow") == {1: "SIP/301", 2: None, 3: None}
assert all(seen == written for seen in trunks.values()), trunks
PY
