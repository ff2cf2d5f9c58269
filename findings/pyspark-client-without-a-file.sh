#!/usr/bin/env bash
# pyspark-client (Spark Connect without a JVM): the same import works in a file and ends a program that has none.
#
# Guess:   `from pyspark.sql.connect.session import SparkSession` is an import: a program typed after `python -c`, a
#          worker of pytest-xdist and a spawned process may do it as a file may. Where it cannot, it raises ImportError.
# Instead: On import the client looks whether the main program's file is one of its own, to run its doctests. A program
#          without `__file__` counts as one: the test machinery is loaded, looks for a whole Spark (SPARK_HOME), does not
#          find it in the client's package, and ends the process with status 255. No exception, so no `except
#          ImportError` catches it. The same lines from a file or from standard input are fine, and so is
#          `python -c` once the main module has any `__file__`.
# Bites:   One-line health checks in containers and cron, tests that run in workers: they end with a hint to install
#          PySpark, which is installed. Seen in programs that treat Spark as an optional extra.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile pyspark-client==4.2.0
cd "$work"
unset SPARK_HOME
python="$work/venv/bin/python"

line='from pyspark.sql.connect.session import SparkSession; print("imported")'
guarded="try:
    $line
except ImportError:
    print(\"not installed\")"
printf '%s\n' "$line" >program.py

run() { # What is printed on standard output, and the status.
    local status=0 said
    said=$("$@" 2>errors.txt) || status=$?
    echo "${said:-nothing}, status $status"
}

"$python" -c 'import importlib.metadata as m; print("pyspark-client", m.version("pyspark-client"))'
file=$(run "$python" program.py)
echo "from a file             : $file"
typed=$(run "$python" -c "$line")
echo "python -c               : $typed"
grep -m 1 "SPARK_HOME" errors.txt | cut -c 1-42
caught=$(run "$python" -c "$guarded")
echo "with except ImportError : $caught"
named=$(run "$python" -c "import __main__; __main__.__file__ = 'any'; $line")
echo "with any __file__       : $named"

[ "$file" = "imported, status 0" ]
[ "$typed" = "nothing, status 255" ]
[ "$caught" = "nothing, status 255" ]
[ "$named" = "imported, status 0" ]
echo "As described."
