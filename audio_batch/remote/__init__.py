"""The client of a voice fraud API that lives on another machine: scores, verifications and reports over HTTP.

Importing this loads neither NumPy nor a model; the client itself needs the extra ``remote`` and nothing of the engine.
"""

import lazy_loader

from batch_base.extras import naming_extras

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = naming_extras(_load)
