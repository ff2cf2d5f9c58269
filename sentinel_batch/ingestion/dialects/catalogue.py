"""The dialects there are: those that come with Sentinel Batch, and files of the user's."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from batch_base.suggestions import find_nearest
from sentinel_batch.errors import DialectError
from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.dialects.parsing import parse_dialect

DIALECTS = (
    "sentinel",
    "sentinel-timestamp",
    "freepbx",
    "grandstream-ucm",
    "grandstream-ucm-download",
    "asterisk",
    "asterisk-custom",
    "freeswitch",
    "kazoo",
    "cisco-cucm",
    "avaya-ip-office",
    "3cx",
    "3cx-report",
    "yeastar",
    "broadworks",
    "opensips",
    "tap3",
    "msc-mediation",
    "msc",
    "teams-pstn",
    "teams-direct-routing",
    "twilio",
    "generic",
    "kamailio",
)
"""Names of the dialects that come with Sentinel Batch, in the order in which they are tried: most specific first, and
at the end those whose columns could be anybody's."""


def list_dialects() -> tuple[Dialect, ...]:
    """Return the dialects that come with Sentinel Batch, most specific first."""
    return tuple(map(_load_own, DIALECTS))


def is_shipped(dialect: Dialect) -> bool:
    """Tell whether a dialect comes with Sentinel Batch, or was drafted from such a one."""
    names = sorted(DIALECTS, key=lambda name: name != dialect.name)  # Its own first, as each takes 2 ms to load.
    return any(dialect.fingerprint == _load_own(name).fingerprint for name in names)


def load_dialect(name: str | Path) -> Dialect:
    """Return a dialect by name, or from a TOML file of the user's.

    Raises
    ------
    DialectError
        If there is no such dialect, or the file is not valid.
    """
    if str(name) in DIALECTS:
        return _load_own(str(name))
    path = Path(name)
    if path.suffix == ".toml":
        try:
            return parse_dialect(path.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise DialectError(
                f"The dialect file {path} cannot be read: {error}", hint="Check the path; it must be UTF-8 TOML."
            ) from error
    near = find_nearest(name, DIALECTS)
    raise DialectError(
        f"There is no dialect {str(name)!r}. Allowed: {', '.join(DIALECTS)}, or the path of a .toml file.",
        hint=f"Did you mean {near}?" if near else "Leave --dialect out to have it found in the file.",
    )


@cache
def _load_own(name: str) -> Dialect:
    file = files(__package__) / "shipped" / f"{name}.toml"
    return parse_dialect(file.read_text("utf-8"), file.name)
