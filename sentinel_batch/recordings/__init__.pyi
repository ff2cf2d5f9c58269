from .analysis import analyse_recordings as analyse_recordings
from .call_times import with_call_times as with_call_times
from .findings import list_joint_findings as list_joint_findings
from .queries import list_recordings as list_recordings
from .queries import read_features as read_features
from .queries import read_segments as read_segments
from .result import RecordingsResult as RecordingsResult
