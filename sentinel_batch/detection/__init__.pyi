from .guidance import read_guidance as read_guidance
from .places import locate_cells as locate_cells
from .result import Detections as Detections
from .service import record_detections as record_detections
from .service import run_detection as run_detection
from .witnesses import Unrecorded as Unrecorded
