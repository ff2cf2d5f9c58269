"""Events that carry recordings: received from a queue, scored, routed, and answered once, whatever dies in between."""

import lazy_loader

from batch_base.extras import naming_extras

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = naming_extras(_load)
