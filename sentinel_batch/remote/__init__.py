"""Inboxes on other machines: their files are fetched once, whole, and looked at here."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
