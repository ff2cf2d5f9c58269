from .fusion import fuse_findings as fuse_findings
from .fusion import weigh_rules as weigh_rules
from .queue import fuse_witnesses as fuse_witnesses
from .queue import rank_suspects as rank_suspects
from .risk import Risk as Risk
from .risk import assess_event as assess_event
from .risk import assess_risk as assess_risk
from .risk import rank_risks as rank_risks
