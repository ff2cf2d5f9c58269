"""Fraud alerts: what becomes of a finding, from its first night to its verdict. See ``docs/alerts.md``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
