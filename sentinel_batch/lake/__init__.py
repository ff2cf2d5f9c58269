"""The tables, kept as Delta Lake folders: written atomically, read at one moment, by Polars and by DuckDB.

Some rows are prepared in a side table before the rows that they describe are committed (rejects before call records,
alert events before alerts). They carry a commit id, and count only once the main table's log holds that id
(:meth:`Snapshot.committed`): a run that is killed in between leaves nothing half-visible.
"""

from sentinel_batch.lake.commits import StagedFile
from sentinel_batch.lake.damage import damage_reported
from sentinel_batch.lake.lake import DEFAULT_LOCK_TIMEOUT, Lake
from sentinel_batch.lake.locks import held_lock
from sentinel_batch.lake.logs import list_actions, open_log
from sentinel_batch.lake.snapshot import Snapshot
from sentinel_batch.lake.staging import STAGING, full_disk_reported
from sentinel_batch.lake.tables import count_equal_rows, relate_parts, scan_parts

__all__ = [
    "DEFAULT_LOCK_TIMEOUT",
    "STAGING",
    "Lake",
    "Snapshot",
    "StagedFile",
    "count_equal_rows",
    "damage_reported",
    "full_disk_reported",
    "held_lock",
    "list_actions",
    "open_log",
    "relate_parts",
    "scan_parts",
]
