"""The report: one HTML page, one JSON document and one Parquet file about the alerts of a period."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
