"""A folder of recordings to tables: in worker processes, in a fixed order, resumable, whatever the files hold."""

from audio_batch.batch.checkpoint import CHECKPOINT_FOLDER, remove_stale
from audio_batch.batch.progress import Progress
from audio_batch.batch.running import run
from audio_batch.batch.tables import VOLATILE_COLUMNS, BatchResult

__all__ = ["CHECKPOINT_FOLDER", "VOLATILE_COLUMNS", "BatchResult", "Progress", "remove_stale", "run"]
