"""Sentinel Batch: call detail records in; ranked, explained, reviewable fraud alerts out.

Every public name is loaded on first use, so that importing the package loads neither Polars nor DuckDB.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
