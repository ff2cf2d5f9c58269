"""Drafts of suspicious-activity reports: JSON, narrative, FinCEN SAR XML 2.0, goAML XML, evidence manifest.

A draft is never a filing: every document says DRAFT, and the fields that a filing would need and that are not known are
listed, not invented. A person completes, judges and files it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
