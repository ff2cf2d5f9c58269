"""The spoof scorer: is the voice of a recording human (0) or synthetic (1)?

`score` and `score_signal` give a verdict; `train_model`, `evaluate_model` and `calibrate_model` work on labelled
recordings. Measured quality: ``docs/detection-quality.md``; the shipped model's card: ``models/<name>/MODEL_CARD.md``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
