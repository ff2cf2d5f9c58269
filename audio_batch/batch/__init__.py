"""A folder of recordings to tables: in worker processes, in a fixed order, resumable, whatever the files hold."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
