"""Sentinel Batch: call detail records in; ranked, explained, reviewable fraud alerts out.

Every public name is loaded on first use, so that importing the package loads neither Polars nor DuckDB.
"""

import lazy_loader

from batch_base.extras import naming_extras

__version__ = "0.1.0"
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = naming_extras(_load)
