"""Which engine runs rules: the configured one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime

from sentinel_batch.config import SPARK
from sentinel_batch.desk import Desk
from sentinel_batch.rules.backends.backend import Backend
from sentinel_batch.rules.backends.local import open_local
from sentinel_batch.rules.sources import Filters


def open_backend(desk: Desk, filters: Filters, since: datetime, until: datetime) -> AbstractContextManager[Backend]:
    """Open the configured engine on the files of a snapshot.

    Parameters
    ----------
    desk
        A snapshot; ``desk.config.engine`` names the engine.
    filters
        Which calls count.
    since, until
        Calls outside are not read.

    Raises
    ------
    ConfigurationError
        If the engine is Spark and its address is not configured.
    MissingExtraError
        If the engine is Spark and its client is not installed.
    EngineError
        If the engine does not answer.
    """
    if desk.config.engine == SPARK:
        from sentinel_batch.rules.backends.spark.backend import open_spark  # Late: it is an extra.

        return open_spark(desk, filters, since, until)
    return open_local(desk, filters, since, until)
