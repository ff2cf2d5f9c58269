"""Call recordings in the lake: analysed by the voice engine, stored once, joined with calls and alerts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
