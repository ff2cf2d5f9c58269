#!/usr/bin/env bash
# sqlglot, DuckDB, Spark: six expressions of a fraud rule that are translated without complaint and mean something else.
#
# Guess:   transpile(sql, read="duckdb", write="spark") either gives SQL with the same answer or, at unsupported_level
#          RAISE, an error.
# Instead: None of these raises, and each answers differently:
#            meant                       written                           on DuckDB       translated
#            seconds between two calls   epoch(b) - epoch(a)               0.5             1 (whole seconds)
#            ISO weekday, Mon ... Sun    isodow(day)                       1 2 3 4 5 6 7   3 4 5 6 7 1 2
#            hours between               date_diff('hour', a, b)           1 (new hour)    0 (a full hour)
#            callees in the order rung   list(callee ORDER BY at)          b, c, a         a, b, c (ORDER BY is dropped)
#            minutes, rounded            CAST(2.7 AS INT)                  3               2
#            digits of a number          regexp_replace(n, '[^0-9]', '')   234 803-123     234803123 (all)
#          The right column was run on Sail, an engine that speaks Spark's SQL; Apache Spark itself was not run here.
# Bites:   Rules that are written on DuckDB and run on a cluster: weekends shift, speeds between two places are off by a
#          factor, evidence is out of order, and a number has another normal form.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile \
    duckdb==2.0.0 sqlglot==30.30.0 pysail==0.7.2 pyspark-client==4.1.3 pandas==2.3.3

"$work/venv/bin/python" - 2>"$work/log" <<'PY' || { tail -20 "$work/log"; exit 1; }
from importlib.metadata import version

import duckdb
import sqlglot
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

print(*(f"{name} {version(name)}" for name in ("sqlglot", "duckdb", "pysail", "pyspark-client")))
server = SparkConnectServer(port=0)
server.start(background=True)
spark = SparkSession.builder.remote(f"sc://127.0.0.1:{server.listening_address[1]}").getOrCreate()

half_second = "TIMESTAMP '2026-01-22 10:00:01.25'", "TIMESTAMP '2026-01-22 10:00:00.75'"
hours = "TIMESTAMP '2026-01-22 10:59:59'", "TIMESTAMP '2026-01-22 11:00:01'"
week = ", ".join(f"isodow(DATE '2026-01-{day}')" for day in range(19, 26))
rung = "FROM (VALUES ('a', 3), ('b', 1), ('c', 2)) AS calls(callee, rung)"
recorded = {
    f"SELECT epoch({half_second[0]}) - epoch({half_second[1]})": ([0.5], [1]),
    f"SELECT {week}": ([1, 2, 3, 4, 5, 6, 7], [3, 4, 5, 6, 7, 1, 2]),
    f"SELECT date_diff('hour', {hours[0]}, {hours[1]})": ([1], [0]),
    f"SELECT list(callee ORDER BY rung) {rung}": ([["b", "c", "a"]], [["a", "b", "c"]]),
    "SELECT CAST(2.7 AS INT)": ([3], [2]),
    "SELECT regexp_replace('+234 803-123', '[^0-9]', '')": (["234 803-123"], ["234803123"]),
}
for sql, expected in recorded.items():
    (translated,) = sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    seen = list(duckdb.sql(sql).fetchall()[0]), list(spark.sql(translated).collect()[0])
    print(translated[:110], *seen, sep="\n    ")
    assert seen == expected, seen
PY
