#!/usr/bin/env bash
# DataFusion: the longest-prefix lookup of a tariff table joins every number with every prefix.
#
# Guess:   calls CROSS JOIN sizes INNER JOIN tariff ON substring(number, 1, size) = prefix AND length(number) = digits
#          (each number cut to every length that prefixes have) means the same as the three tables with that WHERE.
# Instead: The optimizer moves the cross join to the end and forgets the condition that needs it: the plan joins on the
#          number of digits alone. Two rows become nine, without an error. The same with CROSS JOIN + WHERE is right. It
#          is also so in the SQL engine inside deltalake (QueryBuilder), which is DataFusion.
# Bites:   Whoever runs rating, IRSF or number-plan rules on an engine built on DataFusion after they were right on
#          DuckDB or Spark: false findings that look like data.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile datafusion==55.0.0 deltalake==1.6.6 duckdb==2.0.0 pyarrow==26.0.1
cd "$work"

"$work/venv/bin/python" - <<'PY'
import datafusion
import deltalake
import duckdb
import pyarrow as pa

print("datafusion", datafusion.__version__, "deltalake", deltalake.__version__, "duckdb", duckdb.__version__)
tables = {
    "calls": pa.table({"number": ["234803", "447911", "141555", "44791"]}),
    "sizes": pa.table({"size": [3]}),
    "tariff": pa.table({"prefix": ["234", "447", "999"], "digits": [6, 6, 6]}),
}
condition = "substring(number, 1, size) = prefix AND length(number) = digits"
joined = f"SELECT number, prefix FROM calls CROSS JOIN sizes INNER JOIN tariff ON {condition} ORDER BY 1, 2"
filtered = f"SELECT number, prefix FROM calls CROSS JOIN sizes CROSS JOIN tariff WHERE {condition} ORDER BY 1, 2"

database, context, builder = duckdb.connect(), datafusion.SessionContext(), deltalake.QueryBuilder()
for name, table in tables.items():
    database.register(name, table)
    context.register_record_batches(name, [table.to_batches()])
    deltalake.write_deltalake(name, table)
    builder = builder.register(name, deltalake.DeltaTable(name))


def pairs(table):
    return [tuple(row.values()) for row in table.to_pylist()]


right = database.execute(joined).fetchall()
wrong = pairs(context.sql(joined).to_arrow_table())
print("duckdb              ", right)
print("datafusion          ", wrong)
print("datafusion with WHERE", pairs(context.sql(filtered).to_arrow_table()))
inside = pairs(pa.table(builder.execute(joined).read_all()))
print("deltalake's engine  ", len(inside), "rows")
print(context.sql(joined).optimized_logical_plan().display_indent())

assert right == [("234803", "234"), ("447911", "447")] == pairs(context.sql(filtered).to_arrow_table()), right
assert len(wrong) == 9 and wrong[0] == ("141555", "234"), wrong
assert inside == wrong, inside
PY
