"""Labels from outside: what test calls, regulators and closed cases say of numbers, with or without an alert."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
