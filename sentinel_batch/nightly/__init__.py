"""The night's work, in one idempotent run: ingest, detect, record alerts, report. See ``docs/operations.md``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
