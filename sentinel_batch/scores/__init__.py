"""Everything that is a score of a number: risk of the last 24 hours, what rules say together, the queue of suspects.

``risk`` scores what a number does now by a fixed formula, for every caller, whether a rule found it or not.
``fusion`` joins what rules found about one number. ``queue`` orders suspects by all that speaks against them: rules,
a model, and the size of the case that a number belongs to.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
