from .checks import Check as Check
from .diagnosis import Diagnosis as Diagnosis
from .diagnosis import diagnose as diagnose
from .upkeep import MaintenanceResult as MaintenanceResult
from .upkeep import maintain as maintain
from .upkeep import pack_calls as pack_calls
from .upkeep import tidy_lake as tidy_lake
