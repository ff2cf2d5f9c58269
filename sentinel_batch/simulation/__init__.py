"""Synthetic call detail records with known fraud in them, for trials, tests and benchmarks."""

from .generator import MockCDRGenerator
from .truth import truth_path

__all__ = ["MockCDRGenerator", "truth_path"]
