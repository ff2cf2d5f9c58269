"""What the model of the settings, or another one, says of all callers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sentinel_batch.config import NO_MODEL
from sentinel_batch.desk import Desk
from sentinel_batch.errors import ModelError
from sentinel_batch.schema import CALL_RECORDS, PROFILES

# Late: lists of suspects without a model need nothing of learning.
if TYPE_CHECKING:
    from sentinel_batch.learning.model import Model
    from sentinel_batch.learning.trust import ModelCheck


@dataclass(frozen=True)
class Judgement:
    """A model and what it says of every caller.

    Parameters
    ----------
    model
        Which one.
    scores
        As :func:`sentinel_batch.learning.score_callers` returns them.
    check
        What they are worth.
    """

    model: Model
    scores: pl.DataFrame
    check: ModelCheck

    @cached_property
    def witness(self) -> pl.DataFrame:
        """What it says as a witness (:func:`sentinel_batch.learning.trust.witness`)."""
        from sentinel_batch.learning.trust import witness

        return witness(self.scores, self.model, self.check)

    @property
    def listed(self) -> list[str]:
        """The numbers that it suspects, the most suspicious first."""
        numbers: list[str] = self.witness.filter("listed")["number"].to_list()
        return numbers


def judge_callers(
    desk: Desk, named: Model | str | Path | None = None, until: datetime | None = None
) -> tuple[Judgement | None, str | None]:
    """Return what a model says, or why that of the settings says nothing.

    Parameters
    ----------
    desk
        Where to read.
    named
        A model, its folder, or the name of a shipped one; None takes that of the settings,
        :data:`sentinel_batch.config.NO_MODEL` none.
    until
        The last local day that began before it is the last one looked at; None is the last day with calls.

    Raises
    ------
    ModelError
        If the named model cannot be read, or cannot judge the lake.
    """
    source = named if named is not None else desk.config.model
    if source is None or source == NO_MODEL:
        return None, None
    from sentinel_batch.learning.model import open_model
    from sentinel_batch.learning.scoring import score_callers
    from sentinel_batch.learning.trust import check_scores

    opened = None
    try:
        opened = open_model(source)
        scores = score_callers(lake=desk, model=opened, until=until)
    except ModelError as error:
        if named is not None:
            raise
        if opened is not None and not any(desk.tables.files(table.name) for table in (CALL_RECORDS, PROFILES)):
            return None, None  # Nobody to judge is nothing wrong.
        return None, f"The model {source} took no part: {error.message} {error.hint}"
    return Judgement(opened, scores, check_scores(scores, opened)), None
