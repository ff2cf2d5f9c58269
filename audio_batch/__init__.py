"""The voice engine: call recordings in; features, scores, verdicts and decisions out.

Every public name is loaded on first use, so that importing the package loads neither NumPy nor a model. Scores run from
0 = human to 1 = synthetic.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
