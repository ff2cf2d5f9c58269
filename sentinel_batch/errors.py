"""Errors that a user may see: each says what happened, where, what is allowed, and what to do about it."""

from __future__ import annotations

from enum import IntEnum

from batch_base.errors import ReportedError


class ExitCode(IntEnum):
    """Exit codes of every command; cron may act on them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY_DONE = 3
    NO_INPUT = 4
    LOCKED = 5
    FOUND_LOW = 11
    FOUND_MEDIUM = 12
    FOUND_HIGH = 13
    FOUND_CRITICAL = 14


class SentinelError(ReportedError):
    """Base of every error that Sentinel Batch raises on purpose; its parameters are those of `ReportedError`."""

    exit_code: ExitCode = ExitCode.FAILED


class UsageError(SentinelError):
    """An option or argument has a value that is not allowed."""

    exit_code = ExitCode.USAGE


class ConfigurationError(UsageError):
    """The configuration file, or the environment, cannot be used."""


class LakeNotFoundError(SentinelError):
    """There is no lake at the given path; reading never creates one."""

    exit_code = ExitCode.USAGE


class LakeReadOnlyError(SentinelError):
    """The lake can be read, and not written; reading works."""


class StoreError(SentinelError):
    """The object storage that holds the lake gave an error, or no answer."""


class LakeDamagedError(SentinelError):
    """A table's transaction log or one of its files cannot be read."""


class LakeLockedError(SentinelError):
    """Another run holds the lake's lock."""

    exit_code = ExitCode.LOCKED


class DeadlineError(SentinelError):
    """A query took longer than whoever asked would wait; nothing was changed."""


class DiskFullError(SentinelError):
    """The disk ran full; what was committed before is intact."""


class NoInputError(SentinelError):
    """The given paths hold nothing to read."""

    exit_code = ExitCode.NO_INPUT


class DialectError(UsageError):
    """A dialect file is invalid, or no dialect of that name exists."""


class UnrecognisedFileError(SentinelError):
    """No dialect fits the file."""


class AmbiguousDatesError(SentinelError):
    """Dates such as 03/04/2026 can be read two ways and nothing in the file decides."""


class UnreadableFileError(SentinelError):
    """The file cannot be opened, decompressed or decoded."""


class DefectError(SentinelError):
    """A fault of this program, met while it read one file; the others are read."""


class RejectRateError(SentinelError):
    """More rows of a file were rejected than allowed; nothing of it was committed."""


class RemoteError(SentinelError):
    """A scorer on another machine gave an error, an answer that is none, or no answer."""


class InvalidRecordingError(SentinelError):
    """A recording on which no verdict should rest."""


class RuleError(SentinelError):
    """A rule file is invalid, or its query failed."""


class EngineError(SentinelError):
    """The engine on another machine that is to run rules does not answer, or cannot read the lake."""


class RuleNotFoundError(UsageError):
    """No rule has that id."""


class AlertNotFoundError(UsageError):
    """No alert has that id."""


class CaseNotFoundError(UsageError):
    """No case has that id."""


class BoxNotFoundError(UsageError):
    """No box has that id."""


class SuppressionError(UsageError):
    """A line of the suppression list is invalid."""


class LabelError(UsageError):
    """A file of labels cannot be read, or one of its lines is invalid."""


class ModelError(SentinelError):
    """A model cannot be trained, read, or used on these data."""
