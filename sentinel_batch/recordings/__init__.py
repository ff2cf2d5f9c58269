"""Call recordings in the lake: analysed by the voice engine, stored once, joined with calls and alerts."""

from sentinel_batch.recordings.analysis import analyse_recordings
from sentinel_batch.recordings.call_times import with_call_times
from sentinel_batch.recordings.findings import list_joint_findings
from sentinel_batch.recordings.queries import list_recordings, read_features, read_segments
from sentinel_batch.recordings.result import RecordingsResult

__all__ = [
    "RecordingsResult",
    "analyse_recordings",
    "list_joint_findings",
    "list_recordings",
    "read_features",
    "read_segments",
    "with_call_times",
]
