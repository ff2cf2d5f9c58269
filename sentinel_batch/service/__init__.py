"""The Sentinel API over HTTP: the same lake and the same library as the command line, answered by one process."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
