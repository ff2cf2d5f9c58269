"""The tables, kept as Delta Lake folders: written atomically, read at one moment, by Polars and by DuckDB.

Some rows are prepared in a side table before the rows that they describe are committed (rejects before call records,
alert events before alerts). They carry a commit id, and count only once the main table's log holds that id
(:meth:`Snapshot.committed`): a run that is killed in between leaves nothing half-visible.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
