"""Engines that run rules: DuckDB in this process, or Spark on another machine; the findings are the same."""
