"""Where every setting comes from: flag, then environment, then ``sentinel.toml``, then default.

Only the standard library is imported here, so that reading the configuration costs nothing at start-up.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from batch_base.errors import ReportedError
from batch_base.suggestions import suggest
from sentinel_batch.addresses import LAKE_PLACES, read_place
from sentinel_batch.errors import ConfigurationError, UsageError
from sentinel_batch.rule_settings import (
    KEYS,
    check_books,
    explain_clash,
    read_books,
    read_settings,
    read_tables,
    split_variable,
)

CONFIG_FILE = "sentinel.toml"
"""File that is looked for in the current folder when none is named."""

ENVIRONMENT_PREFIX = "SENTINEL_"

SHIPPED_MODEL = "simbox-simulated"
"""Model that takes part in the ranking of suspects unless another one, or none, is named."""

NO_MODEL = "none"
"""Names no model, where a model is named."""

DUCKDB, SPARK = "duckdb", "spark"
_STATE_HINT = "Name a folder of this machine for it: SENTINEL_LAKE_STATE=DIR, or lake_state in sentinel.toml."
OWN_CACHE = "cache"
"""Setting ``spark_lake``: Spark's machines see the copies that this machine has of a lake in object storage."""
"""Engines that run rules."""

_ON_RULES = ("rules", "rule_books")
SERVICE_ROLES = ("reader", "analyst", "ingest", "admin")
"""Who may do what over HTTP: reads; reads, judges and detects; sends calls in; does everything."""

_TABLES = {
    "notify": (
        'a table such as [notify] with floor = "HIGH"',
        "Who is told is a secret, and comes from the environment: SENTINEL_NOTIFY_URLS.",
    ),
    "oidc": (
        'a table such as [oidc] with issuer = "https://login.example"',
        "Tokens are checked with the issuer's public keys; no secret is needed.",
    ),
    "spark": (
        'a table such as [spark] with remote = "sc://spark.example:15002"',
        "A token is a secret, and comes from the environment: SPARK_CONNECT_AUTHENTICATE_TOKEN.",
    ),
}
"""Settings that have a table of their own, whose name begins theirs: what it looks like, and a hint."""

_SHORT_NAMES = {"scorer": "audio_scorer"}
"""Other names of settings in the file."""

_PREFIXES = tuple(f"{table}_" for table in _TABLES)
_RULES_VARIABLE = f"{ENVIRONMENT_PREFIX}RULES"

DEFAULT_ORIGIN = "default"


@dataclass(frozen=True)
class Config:
    """Settings of one run.

    Parameters
    ----------
    lake
        Where the tables are: a folder, or an address in object storage.
    lake_cache
        Folder for copies of what was read of lakes in object storage; None takes the user's cache folder.
    lake_state
        Folder for what lies beside the tables of a lake in a folder, and cannot lie in object storage: keys, jobs and
        waiting events of the service, voiceprints, the truth of a simulation; None has no place for it.
    lake_cache_gigabytes
        Copies of a lake's data files beyond that size are deleted, those that were not used for longest first.
    lake_name
        What the lake is called in the metrics; None takes its path.
    timezone
        IANA zone in which times without an offset are read.
    region
        ISO 3166 country (two letters) whose national numbers are normalised.
    numbers
        How digits without ``+`` or exit code are read: ``auto``, ``national`` or ``international``.
    max_reject_rate
        Share of rejected rows, 0 to 1, above which a file is refused whole.
    earliest_call
        Calls dated before this day are rejected as implausible.
    inbox
        Folder that ``nightly`` reads, or its address on another machine (``sftp://``, ``s3://``).
    reports
        Folder that receives reports.
    keep_reports
        Days that a night's report is kept; None keeps all.
    metrics_file
        Prometheus textfile that ``nightly`` writes, or the folder of textfiles.
    suppressions_file
        Suppression list kept outside the lake.
    segments_file
        CSV with columns number and segment: what kind of customer a number is.
    risk_destinations, risk_duration, risk_calls
        Scales of the risk score's three parts: destinations, seconds of average duration, and calls in 24 hours.
    box_callees, box_days
        Callers with so many callees who never called back, in so many days, are compared in the search for SIM boxes.
    lock_timeout
        Seconds to wait for another writer.
    dialect
        Dialect of all input files; None detects each.
    audio_inbox
        Folder of recordings that ``nightly`` analyses; None analyses none.
    audio_manifest
        CSV or Parquet with what is known of the recorded calls.
    audio_policy
        Routing policy of recordings: a name, or the path of a policy file; None takes ``voice_only``.
    audio_scorer
        Who scores recordings: ``local``, ``remote`` (see docs/sonotheia.md), or a table with its ``kind`` (see
        docs/voice-models.md).
    audio_fallback
        Who scores what the remote scorer does not: ``local``, or ``none``.
    enrollments
        Folder of voiceprints.
    model
        Model that takes part in the ranking of suspects: its folder, or the name of a shipped one; None takes none
        (``none`` in a file).
    international_rate, local_rate
        Termination rates for one minute, for what bypassed calls cost.
    premium_rate
        What a minute to a number that shares the revenue costs.
    contact_cost
        What it costs that a machine, or a false number, called somebody.
    medium_loss, high_loss, critical_loss
        Expected losses from which a severity is MEDIUM, HIGH, CRITICAL.
    currency
        ISO 4217 code of all prices.
    audio_workers
        Processes that analyse recordings; None takes one for each core.
    notify_floor
        Mildest severity of which a message of the night is sent.
    notify_budget
        Suspects and files that a message names at most; the others are counted.
    notify_always
        Whether a night with nothing to say sends a message, too.
    notify_template
        Text of the message, with ``$names``; None takes the shipped one.
    notify_link
        Address under which the folder of reports is served; None gives the path.
    oidc_issuer
        Who issues the tokens that the service takes beside its keys, as in their claim ``iss``; None takes none.
    oidc_audience
        For whom the tokens must be (claim ``aud``).
    oidc_jwks_url
        Where the issuer's public keys are; None asks its discovery document.
    oidc_role_claim
        Claim that gives the role; a path with dots leads into it.
    oidc_roles
        Value of that claim to role: ``reader``, ``analyst``, ``ingest`` or ``admin``.
    oidc_name_claim
        Claim whose value is written beside all that is done; None takes the email address, the user name or ``sub``.
    engine
        Who runs rules: ``duckdb``, in this process, or ``spark`` (see docs/cluster.md).
    spark_remote
        Address of the Spark Connect server, such as ``sc://spark.example:15002``.
    spark_lake
        Where Spark's machines find the lake; None is the lake's own path.
    spark_format
        As what Spark reads the tables: ``parquet``, by the files of their logs, or ``delta``, by their versions.
    spark_settings
        Settings of Spark's session, such as ``spark.sql.shuffle.partitions``.
    packs
        Folder in which packs of rules are looked up by their names.
    rules
        Rule id to parameter overrides, from ``[rules.ID]`` or ``[rule.ID]``.
    rule_books
        Where rules are taken from: ``shipped``, folders, names of packs.
    file
        The configuration file that was read, if any.
    """

    lake: Path | str = Path("data/lake")
    lake_cache: Path | None = None
    lake_state: Path | None = None
    lake_cache_gigabytes: float = 50.0
    lake_name: str | None = None
    timezone: str = "Africa/Lagos"
    region: str = "NG"
    numbers: str = "auto"
    max_reject_rate: float = 0.05
    earliest_call: date = date(2000, 1, 1)
    inbox: Path | str | None = None
    reports: Path = Path("reports")
    keep_reports: int | None = None
    metrics_file: Path | None = None
    suppressions_file: Path | None = None
    segments_file: Path | None = None
    risk_destinations: float = 50.0
    risk_duration: float = 3.0
    risk_calls: float = 100.0
    box_callees: int = 20
    box_days: int = 14
    lock_timeout: float = 600.0
    dialect: str | None = None
    audio_inbox: Path | None = None
    audio_manifest: Path | None = None
    audio_policy: str | None = None
    audio_scorer: str | dict[str, Any] = "local"
    audio_fallback: str = "local"
    enrollments: Path | None = None
    model: str | None = SHIPPED_MODEL
    international_rate: float = 24.40
    local_rate: float = 3.90
    premium_rate: float = 200.0
    contact_cost: float = 50.0
    medium_loss: float = 1_000.0
    high_loss: float = 5_000.0
    critical_loss: float = 20_000.0
    currency: str = "NGN"
    audio_workers: int | None = None
    engine: str = DUCKDB
    spark_remote: str | None = None
    spark_lake: str | None = None
    spark_format: str = "parquet"
    spark_settings: dict[str, str] = field(default_factory=dict)
    packs: Path | None = None
    notify_floor: str = "HIGH"
    notify_budget: int = 10
    notify_always: bool = False
    notify_template: Path | None = None
    notify_link: str | None = None
    oidc_issuer: str | None = None
    oidc_audience: str = "sentinel-batch"
    oidc_jwks_url: str | None = None
    oidc_role_claim: str = "roles"
    oidc_roles: dict[str, str] = field(default_factory=lambda: {role: role for role in SERVICE_ROLES})
    oidc_name_claim: str | None = None
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    rule_books: tuple[str, ...] = ("shipped",)
    file: Path | None = None
    origins: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def origin(self, name: str) -> str:
        """Say where a setting's value comes from: a flag, a variable, a file or the default.

        Raises
        ------
        ConfigurationError
            If there is no such setting.
        """
        if name not in SETTINGS and name not in _ON_RULES:
            raise _unknown(name, "configuration", [*SETTINGS, *_ON_RULES])
        return self.origins.get(name, DEFAULT_ORIGIN)

    def find_beside_lake(self, name: str) -> Path | None:
        """Return a file or folder that lies beside the tables; None if the lake has no folder of this machine.

        That of a lake in object storage is below ``lake_state``, under the lake's address: no two share one.
        """
        if not isinstance(self.lake, str):
            return self.lake / name
        own = self.lake.replace("://", "/").replace("/", ",")  # Addresses have no comma.
        return None if self.lake_state is None else self.lake_state / own / name

    def beside_lake(self, name: str, instead: str = "") -> Path:
        """Return a file or folder that lies beside the tables.

        Parameters
        ----------
        name
            Its name.
        instead
            What else to do where it has no place, as a hint.

        Raises
        ------
        UsageError
            If the lake is in object storage, which holds tables only, and ``lake_state`` is not set.
        """
        found = self.find_beside_lake(name)
        if found is None:
            raise UsageError(
                f"{name} lies in the lake's folder, and {self.lake} is none: object storage holds tables only.",
                hint=" ".join(filter(None, (instead, _STATE_HINT))),
                lake=self.lake,
            )
        return found

    def override(self, *, start: Path | None = None, typed: bool = False, **given: Any) -> Config:
        """Return a copy in which the values that are given, and not None, win over every other source.

        Parameters
        ----------
        start
            Folder that relative paths are resolved against; the current one when None.
        typed
            Whether they were typed on the command line, as options of the same names; else they are arguments.
        **given
            Setting to value; ``rules`` are settings by rule id, or the list of books.

        Raises
        ------
        ConfigurationError
            If there is no such setting, or a value is not allowed.
        """
        base = start or Path.cwd()
        keys = {
            name: f"--{name.replace('_', '-')}" if typed else name for name, value in given.items() if value is not None
        }
        values, origins = {}, {}
        for name, key in keys.items():
            field_name, value = _override(name, given[name], base, key)
            values[field_name] = value
            origins[field_name] = f"flag {key}" if typed else f"argument {key}"
        return replace(self, **values, origins=self.origins | origins)


def load_config(
    path: Path | str | None = None, *, environ: Mapping[str, str] | None = None, start: Path | None = None
) -> Config:
    """Read the settings from the environment, the configuration file and the defaults.

    Parameters
    ----------
    path
        Configuration file; None takes ``SENTINEL_CONFIG``, else ``sentinel.toml`` in the current folder if there.
    environ
        Environment variables; the process's own when None.
    start
        The current folder; the process's own when None.

    Raises
    ------
    ConfigurationError
        If a named file is missing, or a key or value is not allowed.
    """
    variables = os.environ if environ is None else environ
    here = start or Path.cwd()
    file = _find_file(path, variables, here)
    base = file.parent if file is not None else here
    values: dict[str, Any] = {
        name: base / default
        for name, default in ((f.name, f.default) for f in fields(Config))
        if isinstance(default, Path)
    }
    origins: dict[str, str] = {}
    if file is not None:
        content = _read_toml(file)
        for key, (name, value) in _list_settings(content, file).items():
            values[name] = _checked(name, value, str(file), base, key)
            origins[name] = str(file)
        read = {"rules": read_settings(content, file), "rule_books": read_books(content, file)}
        values |= {name: value for name, value in read.items() if value}
        origins |= {name: str(file) for name, value in read.items() if value}
    for name in SETTINGS:
        variable = ENVIRONMENT_PREFIX + name.upper()
        if variables.get(variable, "") != "":
            values[name] = _checked(name, variables[variable], f"environment variable {variable}", here, variable)
            origins[name] = f"environment {variable}"
    books = variables.get(_RULES_VARIABLE, "")
    if books != "":
        named = split_variable(books, os.pathsep)
        values["rule_books"] = check_books(named, here, f"environment variable {_RULES_VARIABLE}", _RULES_VARIABLE)
        origins["rule_books"] = f"environment {_RULES_VARIABLE}"
    return Config(**values, file=file, origins=origins)


def _override(name: str, value: Any, base: Path, key: str) -> tuple[str, Any]:
    """Return the field that a setting goes to, and its value; ``rules`` are books or settings, as in the file."""
    if name == "rules":
        if isinstance(value, Mapping):
            return "rules", read_tables(value, base, key)
        return "rule_books", check_books(list(value) if isinstance(value, tuple) else value, base, key, key)
    if name not in SETTINGS:
        raise _unknown(name, "settings", [*SETTINGS, "rules"])
    return name, _checked(name, value, key, base, key)


def is_trusted(address: str) -> bool:
    """Tell whether nobody on the way can change what an address answers: TLS, or this machine."""
    parts = urlsplit(address)
    local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and parts.username is None and (parts.scheme == "https" or local)


def _find_file(path: Path | str | None, variables: Mapping[str, str], here: Path) -> Path | None:
    named = path if path is not None else variables.get(ENVIRONMENT_PREFIX + "CONFIG") or None
    if named is None:
        candidate = here / CONFIG_FILE
        return candidate if candidate.is_file() else None
    file = here / named
    if not file.is_file():
        source = "--config" if path is not None else "SENTINEL_CONFIG"
        raise ConfigurationError(
            f"There is no configuration file {file} (named by {source}).",
            hint="Name an existing TOML file, or leave it out to run with the defaults.",
            file=str(file),
        )
    return file


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        clash = explain_clash(text) if isinstance(error, tomllib.TOMLDecodeError) else None
        raise ConfigurationError(
            f"{file} is not valid TOML: {error}.",
            hint=clash or "Texts need quotes; a table starts with [name].",
            file=str(file),
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}.", hint="Check the file's permissions.", file=str(file)
        ) from error
    plain = [name for name in SETTINGS if not name.startswith(_PREFIXES)]
    for key in content:
        if key not in plain and key not in (*KEYS, *_TABLES, *_SHORT_NAMES):
            raise _unknown(key, str(file), [*plain, *KEYS, *_TABLES])
    return content


def _list_settings(content: Mapping[str, Any], file: Path) -> dict[str, tuple[str, Any]]:
    """Return what the file sets, by the key to name in errors: plain keys, and those of the tables."""
    plain = {key: (_SHORT_NAMES.get(key, key), value) for key, value in content.items() if key not in (*KEYS, *_TABLES)}
    for short, name in _SHORT_NAMES.items():
        if short in content and name in content:
            message = f"{file}: {short} and {name} are one setting, and both are set."
            raise ConfigurationError(
                message, hint=f"Remove one of the lines, such as {name}.", file=str(file), key=short
            )
    for table in _TABLES:
        plain |= _list_table(table, content.get(table, {}), file)
    return plain


def _list_table(name: str, table: Any, file: Path) -> dict[str, tuple[str, Any]]:
    example, hint = _TABLES[name]
    if not isinstance(table, dict):  # The value is not repeated: it may be an address that holds a password.
        raise _invalid(name, "…", str(file), example)
    known = [setting.removeprefix(f"{name}_") for setting in SETTINGS if setting.startswith(f"{name}_")]
    for key in table:
        if key not in known:
            raise ConfigurationError(
                f"{file}: there is no setting {key!r} in [{name}]; allowed: {', '.join(known)}.",
                hint=suggest(key, known, hint),
                file=str(file),
                key=key,
                allowed=known,
            )
    return {f"{name}.{key}": (f"{name}_{key}", value) for key, value in table.items()}


def _checked(name: str, value: Any, source: str, base: Path, key: str) -> Any:
    allowed, convert = SETTINGS[name]
    try:
        return convert(value, base)
    except ReportedError as error:
        message = f"{source}: {error.message}" if source != key else f"{key}: {error.message}"
        raise ConfigurationError(message, hint=error.hint, file=source, key=key) from error
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise _invalid(key, _without_password(value), source, allowed) from error


def _without_password(value: Any) -> Any:
    """Return a value that may be repeated in an error: an address without what stands before its ``@``, no secret."""
    if isinstance(value, Mapping):
        return {name: "***" if _SECRET.search(str(name)) else setting for name, setting in value.items()}
    if not isinstance(value, str):
        return value
    return _NAMED_SECRET.sub(r"\1***", re.sub(r"://[^/@]*@", "://***@", value))


def _invalid(key: str, value: Any, source: str, allowed: str) -> ConfigurationError:
    return ConfigurationError(
        f"{source}: {key} = {value!r} is not allowed; expected {allowed}."
        if source != key
        else f"{key} {value!r} is not allowed; expected {allowed}.",
        hint=f"Set {key} to {allowed}.",
        file=source,
        key=key,
        value=str(value),
        allowed=allowed,
    )


def _unknown(key: str, source: str, allowed: list[str]) -> ConfigurationError:
    return ConfigurationError(
        f"{source}: there is no setting {key!r}; allowed: {', '.join(sorted(allowed))}.",
        hint=suggest(key, allowed, "Remove the line, or see docs/configuration.md."),
        file=source,
        key=key,
        allowed=sorted(allowed),
    )


def _path(value: Any, base: Path) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise TypeError(value)
    return base / Path(value).expanduser()


def _lake(value: Any, base: Path) -> Path | str:
    """Keep an address in object storage; resolve a folder."""
    place = read_place(value) if isinstance(value, str | Path) else value
    return place if isinstance(place, str) else _path(value, base)


def _text(value: Any, base: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(value)
    return value.strip()


def _named_or_file(value: Any, base: Path) -> str:
    """Keep a name (of a dialect, of a policy); resolve the path of a file."""
    text = _text(str(value) if isinstance(value, Path) else value, base)
    return str(base / text) if text.endswith(".toml") else text


def _zone(value: Any, base: Path) -> str:
    text = _text(value, base)
    try:
        ZoneInfo(text)
    except Exception as error:
        raise ValueError(text) from error
    return text


def _region(value: Any, base: Path) -> str:
    text = _text(value, base).upper()
    if len(text) != 2 or not text.isascii() or not text.isalpha():
        raise ValueError(text)
    return text


def _numbers(value: Any, base: Path) -> str:
    text = _text(value, base).lower()
    if text not in ("auto", "national", "international"):
        raise ValueError(text)
    return text


def _model(value: Any, base: Path) -> str | None:
    """Keep a name; resolve the path of a folder; None for :data:`NO_MODEL`."""
    text = _text(str(value) if isinstance(value, Path) else value, base)
    if text.lower() == NO_MODEL:
        return None
    return str(base / text) if "/" in text or "\\" in text else text


def _currency(value: Any, base: Path) -> str:
    text = _text(value, base).upper()
    if len(text) != 3 or not text.isascii() or not text.isalpha():
        raise ValueError(text)
    return text


def _number(value: Any, base: Path, *, lowest: float, highest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(value)
    number = float(value)
    if not lowest <= number <= highest:
        raise ValueError(value)
    return number


def _whole(value: Any, base: Path, *, lowest: int, highest: int) -> int:
    number = _number(value, base, lowest=lowest, highest=highest)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _day(value: Any, base: Path) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return date.fromisoformat(_text(value, base))


def _inbox(value: Any, base: Path) -> Path | str:
    """Keep an address, which has no password in it; resolve a folder."""
    if not isinstance(value, str) or "://" not in value:
        return _path(value, base)
    address = urlsplit(value.strip())
    if address.scheme not in REMOTE_SCHEMES or not address.netloc or address.password is not None or address.query:
        raise ValueError(value)
    return value.strip().rstrip("/")


def _choice(value: Any, base: Path, *, allowed: tuple[str, ...]) -> str:
    text = _text(value, base).lower()
    if text not in allowed:
        raise ValueError(value)
    return text


def _severity(value: Any, base: Path) -> str:
    text = _text(value, base).upper()
    if text not in ("LOW", "MEDIUM", "HIGH", "CRITICAL"):
        raise ValueError(value)
    return text


def _flag(value: Any, base: Path) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    return value if isinstance(value, bool) else words[_text(value, base).lower()]


def _link(value: Any, base: Path) -> str:
    text = _text(value, base)
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname or urlsplit(text).password:
        raise ValueError(text)
    return text.rstrip("/")


def _spark_remote(value: Any, base: Path) -> str:
    """Keep the address of a Spark Connect server; its token belongs into the environment."""
    text = _text(value, base)
    address = urlsplit(text)
    if address.scheme != "sc" or not address.hostname or address.username is not None or "token=" in text.lower():
        raise ValueError(text)
    return text


def _spark_lake(value: Any, base: Path) -> str:
    text = _text(str(value) if isinstance(value, Path) else value, base)
    if text == OWN_CACHE:
        return text
    if "://" not in text:
        return str(_path(text, base))
    if urlsplit(text).password is not None:
        raise ValueError(text)
    return text.rstrip("/")


def _spark_settings(value: Any, base: Path) -> dict[str, str]:
    """Return settings of a session; as text (``spark.scheduler.pool=nights,…``), for the environment. No secrets."""
    pairs = dict(pair.split("=") for pair in value.split(",")) if isinstance(value, str) else value
    if not isinstance(pairs, Mapping):
        raise TypeError(value)
    settings = {str(name).strip(): _text(str(setting), base) for name, setting in pairs.items()}
    if any(not name.startswith("spark.") or _SECRET.search(name) for name in settings):
        raise ValueError(value)
    return settings


def _trusted(value: Any, base: Path) -> str:
    text = _text(value, base)
    if not is_trusted(text):
        raise ValueError(text)
    return text


def _role_map(value: Any, base: Path) -> dict[str, str]:
    """Return what values of a claim give; as text (``desk=analyst,heads=admin``), for the environment."""
    pairs = dict(pair.split("=") for pair in value.split(",")) if isinstance(value, str) else value
    if not isinstance(pairs, Mapping):
        raise TypeError(value)
    roles = {str(word).strip(): _text(role, base).lower() for word, role in pairs.items()}
    if not roles or "" in roles or not set(roles.values()) <= set(SERVICE_ROLES):
        raise ValueError(value)
    return roles


_SCORER_TABLE = '{ kind = "onnx", path = "m.onnx", sample_rate = 16000, window = 4.0, output = "logit" }'


def _scorer(value: Any, base: Path) -> str | dict[str, Any]:
    """Keep a word; of a table, resolve paths and check what can be checked without opening a model."""
    if isinstance(value, str) and value.lstrip().startswith("{"):  # As the environment has it.
        value = tomllib.loads(f"scorer = {value.strip()}")["scorer"]
    if not isinstance(value, Mapping):
        return _choice(value, base, allowed=("local", "remote"))
    from audio_batch.scorers import choose_scorer  # late: most commands have no use for it

    table = {key: setting.strip() if isinstance(setting, str) else setting for key, setting in value.items()}
    choose_scorer(table)
    table |= {key: str(_path(table[key], base)) for key in ("path", "card") if key in table}
    return table | ({"model": _model(table["model"], base)} if "model" in table else {})


_SECRET = re.compile("secret|password|token|key", re.IGNORECASE)
_NAMED_SECRET = re.compile(rf"((?:{_SECRET.pattern})[^=;,&\s]*=)[^;,&\s]*", re.IGNORECASE)

REMOTE_SCHEMES = ("sftp", "s3")
"""Schemes of inboxes on other machines."""

_POSITIVE = "a number above 0"
_Converter = Callable[[Any, Path], Any]

SETTINGS: dict[str, tuple[str, _Converter]] = {
    "lake": (LAKE_PLACES, _lake),
    "lake_cache": ("a folder", _path),
    "lake_state": ("a folder", _path),
    "lake_cache_gigabytes": (_POSITIVE, partial(_number, lowest=1e-6, highest=1e9)),
    "lake_name": ("a text", _text),
    "timezone": ("an IANA time zone such as Africa/Lagos", _zone),
    "region": ("a two-letter country code such as NG", _region),
    "numbers": ("auto, national or international", _numbers),
    "max_reject_rate": ("a number from 0 to 1, such as 0.05", partial(_number, lowest=0.0, highest=1.0)),
    "earliest_call": ("a date such as 2000-01-01", _day),
    "inbox": ("a folder, sftp://USER@HOST/FOLDER or s3://BUCKET/FOLDER, without a password", _inbox),
    "reports": ("a folder", _path),
    "keep_reports": ("a whole number of days from 1 to 100000", partial(_whole, lowest=1, highest=100_000)),
    "metrics_file": ("a file", _path),
    "suppressions_file": ("a file", _path),
    "segments_file": ("a file", _path),
    "risk_destinations": (_POSITIVE, partial(_number, lowest=1e-6, highest=1e9)),
    "risk_duration": (_POSITIVE, partial(_number, lowest=1e-6, highest=1e9)),
    "risk_calls": (_POSITIVE, partial(_number, lowest=1e-6, highest=1e9)),
    "box_callees": ("a whole number from 5 to 10000", partial(_whole, lowest=5, highest=10_000)),
    "box_days": ("a whole number from 2 to 28", partial(_whole, lowest=2, highest=28)),
    "lock_timeout": ("a number of seconds, 0 or more", partial(_number, lowest=0.0, highest=1e9)),
    "dialect": ("the name of a dialect, or the path of a dialect file ending in .toml", _named_or_file),
    "audio_inbox": ("a folder", _path),
    "audio_manifest": ("a .csv or .parquet file", _path),
    "audio_policy": ("the name of a policy, or the path of a policy file ending in .toml", _named_or_file),
    "audio_scorer": ("local, remote, or a table such as " + _SCORER_TABLE, _scorer),
    "audio_fallback": ("local or none", partial(_choice, allowed=("local", "none"))),
    "enrollments": ("a folder", _path),
    "model": (f"the name of a shipped model, a folder, or {NO_MODEL}", _model),
    "international_rate": ("a price of 0 or more", partial(_number, lowest=0.0, highest=1e9)),
    "local_rate": ("a price of 0 or more", partial(_number, lowest=0.0, highest=1e9)),
    "premium_rate": ("a price of 0 or more", partial(_number, lowest=0.0, highest=1e9)),
    "contact_cost": ("a price of 0 or more", partial(_number, lowest=0.0, highest=1e9)),
    "medium_loss": ("a loss of 0 or more", partial(_number, lowest=0.0, highest=1e15)),
    "high_loss": ("a loss of 0 or more", partial(_number, lowest=0.0, highest=1e15)),
    "critical_loss": ("a loss of 0 or more", partial(_number, lowest=0.0, highest=1e15)),
    "currency": ("a three-letter currency code such as NGN", _currency),
    "oidc_issuer": ("an address such as https://login.example", _trusted),
    "oidc_audience": ("a text", _text),
    "oidc_jwks_url": ("an address such as https://login.example/keys", _trusted),
    "oidc_role_claim": ("the name of a claim, such as roles", _text),
    "oidc_roles": (f'a table such as {{ "fraud-desk" = "analyst" }}, to {", ".join(SERVICE_ROLES)}', _role_map),
    "oidc_name_claim": ("the name of a claim, such as sub", _text),
    "engine": (f"{DUCKDB} or {SPARK}", partial(_choice, allowed=(DUCKDB, SPARK))),
    "spark_remote": ("an address such as sc://spark.example:15002, without a token", _spark_remote),
    "spark_lake": ("a folder, an address such as s3a://bucket/lake, without a password, or cache", _spark_lake),
    "spark_format": ("parquet or delta", partial(_choice, allowed=("parquet", "delta"))),
    "spark_settings": (
        'a table such as { "spark.sql.shuffle.partitions" = "400" }, without secrets',
        _spark_settings,
    ),
    "packs": ("a folder", _path),
    "audio_workers": ("a whole number from 1 to 1024", partial(_whole, lowest=1, highest=1024)),
    "notify_floor": ("LOW, MEDIUM, HIGH or CRITICAL", _severity),
    "notify_budget": ("a whole number from 0 to 1000", partial(_whole, lowest=0, highest=1000)),
    "notify_always": ("true or false", _flag),
    "notify_template": ("a text file", _path),
    "notify_link": ("an address such as https://desk.example/reports", _link),
}
"""Setting to what it may be and its converter."""
