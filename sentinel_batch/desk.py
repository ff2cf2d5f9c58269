"""The desk: a lake with the settings that go with it, and every public verb as a method."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

# By its name, so that the libraries behind the tables load when a desk first reads: listing rules needs none of them.
from sentinel_batch import lake as lakes
from sentinel_batch.config import Config, load_config
from sentinel_batch.verbs import Verbs


class Desk(Verbs):
    """A lake with the settings that go with it; open one with :func:`open_desk`.

    Every public function that takes ``lake`` is also a method: ``sb.detect(lake=…, config=…, window="6h")`` is
    ``sb.open(…).detect(window="6h")``.

    Parameters
    ----------
    config
        The settings; ``config.lake`` is the folder of the tables.
    tables
        The moment that is read; None is always the newest.
    """

    def __init__(self, config: Config, tables: lakes.Snapshot | None = None) -> None:
        self.config = config
        self._tables = tables

    def __repr__(self) -> str:
        return f"Desk({str(self.config.lake)!r}{', a snapshot' if self._tables is not None else ''})"

    @cached_property
    def lake(self) -> lakes.Lake:
        """The folder of the tables.

        Raises
        ------
        LakeNotFoundError
            If there is none yet.
        """
        return lakes.Lake.open(self.config.lake, self._cache)

    @property
    def tables(self) -> lakes.Snapshot:
        """The tables at the desk's moment; where that is the newest, they are looked up at each call."""
        return self._tables if self._tables is not None else self.lake.snapshot()

    def snapshot(self) -> Desk:
        """Return a desk that reads all tables as they are now, whatever is committed later."""
        return self if self._tables is not None else Desk(self.config, self.lake.snapshot())

    def create_lake(self) -> lakes.Lake:
        """Open the lake, making an empty one if there is none."""
        return lakes.Lake.create(self.config.lake, self._cache)

    @property
    def _cache(self) -> lakes.Cache | None:
        """Where copies of a lake in object storage are kept."""
        if not isinstance(self.config.lake, str):
            return None
        size = round(self.config.lake_cache_gigabytes * 1e9)
        folder = self.config.lake_cache
        return lakes.Cache(most_bytes=size) if folder is None else lakes.Cache(folder, size)

    def configure(self, **settings: Any) -> Desk:
        """Return this desk with other settings; None leaves one as it is.

        Raises
        ------
        ConfigurationError
            If a value is not allowed.
        """
        return Desk(self.config.override(**settings), self._tables)


DeskLike: TypeAlias = "Desk | lakes.Lake | str | Path | None"
"""What says which lake: a desk, a lake, its folder, or None for the configured one."""

ConfigLike: TypeAlias = Config | str | Path | None
"""What says which settings: themselves, their file, or None for those of :func:`sentinel_batch.config.load_config`."""


def open_desk(lake: DeskLike = None, config: ConfigLike = None, **settings: Any) -> Desk:
    """Open a desk: the one place where a library call finds its settings.

    Parameters
    ----------
    lake
        The folder of the tables, which may not exist yet, or a desk; None is the configured one.
    config
        The settings, or the file that holds them; None looks as the command line does: ``SENTINEL_CONFIG``, else
        ``sentinel.toml`` in the current folder. The settings of a desk are kept unless others are given.
    **settings
        Single settings that win over all others, such as ``timezone="Africa/Nairobi"``.

    Raises
    ------
    ConfigurationError
        If a file is missing, or a value is not allowed.
    """
    if isinstance(lake, Desk):
        desk = lake if config is None else Desk(_read(config).override(lake=lake.config.lake), lake._tables)
    else:
        desk = Desk(_read(config).override(**_name(lake)))
    return desk.configure(**settings) if settings else desk


def _name(lake: lakes.Lake | str | Path | None) -> dict[str, Any]:
    """Return the settings that say which lake is meant."""
    if lake is None or isinstance(lake, (str, Path)):
        return {"lake": lake}
    cache = lake.cache
    kept = {} if cache is None else {"lake_cache": cache.folder, "lake_cache_gigabytes": cache.most_bytes / 1e9}
    return {"lake": lake.place, **kept}


def _read(config: ConfigLike) -> Config:
    return config if isinstance(config, Config) else load_config(config)


open = open_desk
"""What notebooks write: ``sb.open("data/lake")``."""
