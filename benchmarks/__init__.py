"""Benchmarks: every figure beside a named yardstick, measured in the same run."""
