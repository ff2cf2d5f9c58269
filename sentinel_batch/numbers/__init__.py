"""Telephone numbers in one form: E.164 where it can be known, as typed where it cannot.

Everything that reads numbers reads them here: :func:`normalise_number` one, :class:`NumberBook` columns of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
