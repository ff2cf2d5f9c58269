"""What verdicts teach: scorecard of the rules, calibration, a model. See ``docs/learning.md``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
