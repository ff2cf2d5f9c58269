"""One way to detect, for terminal, night, bench and notebook: rules examine a period, what they find is recorded."""

from sentinel_batch.detection.result import Detections
from sentinel_batch.detection.service import record_detections, run_detection

__all__ = ["Detections", "record_detections", "run_detection"]
