"""The voice engine: call recordings in; features, scores, verdicts and decisions out.

Every public name is loaded on first use, so that importing the package loads neither NumPy nor a model. Scores run from
0 = human to 1 = synthetic.
"""

import lazy_loader

from batch_base.extras import naming_extras

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = naming_extras(_load)
