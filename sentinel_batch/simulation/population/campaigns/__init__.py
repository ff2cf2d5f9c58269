"""Campaigns: fraud that comes and goes within the simulation, each kind several times in a large population."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
