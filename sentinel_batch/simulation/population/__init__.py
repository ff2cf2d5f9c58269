"""A whole population's calls with known fraud in them: subscribers, hard negatives, SIM boxes, campaigns."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
