"""What each number did on each local day, as figures: computed once, read by rules, models and notebooks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
