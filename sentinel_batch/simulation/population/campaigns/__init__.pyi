from .planning import CAMPAIGNS as CAMPAIGNS
from .planning import Campaigns as Campaigns
from .planning import carry_out as carry_out
from .planning import plan_campaigns as plan_campaigns
from .scheme import Stage as Stage
