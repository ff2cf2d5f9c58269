"""Being told of a night: one message to whoever must know, and a sign of life to whoever watches for silence."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
