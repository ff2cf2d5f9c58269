"""Detection rules: one rule is three small files with one id; loading, linting, running and documenting them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
