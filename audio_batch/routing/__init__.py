"""What to do about a call: from the verdict, the verification and the context, by a policy that is data.

The composite risk is the voice risk (the verdict's score) times one factor for every circumstance of the policy that
holds, and at most 1. The action is the most severe of all the rules that fired. A circumstance whose input is missing,
or cannot be read, counts as if it held: leaving context away never lowers the risk.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
