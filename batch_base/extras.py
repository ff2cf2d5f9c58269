"""Libraries that are installed by choice, and what to type where one is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from batch_base.errors import ReportedError

EXTRAS = {
    "librosa": "audio",
    "soundfile": "audio",
    "soxr": "audio",
    "numba": "audio",
    "jwt": "oidc",
    "onnxruntime": "onnx",
    "fastapi": "service",
    "prometheus_client": "service",
    "pyrate_limiter": "service",
    "requests": "remote",
    "tenacity": "remote",
    "urllib3": "remote",
    "python_multipart": "service",
    "uvicorn": "service",
    "websockets": "service",
    "aio_pika": "events",
    "confluent_kafka": "events",
    "redis": "events",
    "pyspark": "spark",
    "obstore": "objects",
}
"""Module to the extra of the distribution that installs it."""

_NEEDED_FOR = {
    "audio": "Recordings need",
    "oidc": "Tokens of OpenID Connect need",
    "objects": "A lake in object storage needs",
    "onnx": "ONNX models need",
    "remote": "Remote scorers need",
    "service": "The service needs",
    "events": "Queues of events need",
    "spark": "Rules on Spark need",
}


class MissingExtraError(ReportedError, ImportError):
    """A library of an extra is not installed."""


def explain_missing(error: ImportError) -> MissingExtraError | None:
    """Return the error that says which extra to install, None if the module is of none."""
    if isinstance(error, MissingExtraError):
        return error
    module = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(module)
    if extra is None or not isinstance(error, ModuleNotFoundError):
        return None
    return MissingExtraError(
        f"{_NEEDED_FOR[extra]} the extra '{extra}': the package {module} is not installed.",
        hint=f"Type: pip install 'sentinel-batch[{extra}]'",
        extra=extra,
        module=module,
    )


@contextmanager
def named_extra() -> Iterator[None]:
    """Let an import that fails name the extra to install.

    Raises
    ------
    MissingExtraError
        If the module that is missing belongs to an extra.
    """
    try:
        yield
    except ImportError as error:
        explained = explain_missing(error)
        if explained is None or explained is error:
            raise
        raise explained from error


def naming_extras(load: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__`` whose failed imports name the extra to install."""

    def load_named(name: str) -> Any:
        with named_extra():
            return load(name)

    return load_named
