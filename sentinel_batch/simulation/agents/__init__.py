"""Simulated subscribers as agents with places, friends and habits: a second design beside ``population``.

``sim agents`` fills a lake; ``docs/simulation.md`` describes both.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
