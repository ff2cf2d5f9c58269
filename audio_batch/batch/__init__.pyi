from .checkpoint import CHECKPOINT_FOLDER as CHECKPOINT_FOLDER
from .checkpoint import remove_stale as remove_stale
from .columns import VOLATILE_COLUMNS as VOLATILE_COLUMNS
from .progress import Progress as Progress
from .running import run as run
from .tables import BatchResult as BatchResult
