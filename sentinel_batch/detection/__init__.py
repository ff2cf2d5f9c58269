"""One way to detect, for terminal, night, bench and notebook: rules examine a period, what they find is recorded."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
