"""SIM boxes as groups: all heavy one-way callers, what ties them together, and who belongs to one box."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
