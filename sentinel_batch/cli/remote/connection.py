"""How commands reach a remote scorer: their options, the client, and its errors in the words of this program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from audio_batch.remote import wire
from sentinel_batch.cli.option_groups import Options, grouped
from sentinel_batch.errors import NoInputError, RemoteError, UsageError

if TYPE_CHECKING:
    from audio_batch.remote import SonotheiaClientEnhanced

Audio = Annotated[str, typer.Argument(metavar="AUDIO", help="The recording.", show_default=False)]
ApiUrl = Annotated[
    str | None,
    typer.Option(
        "--api-url", metavar="URL", help=f"Address of the API [env SONOTHEIA_API_URL; default {wire.DEFAULT_URL}]."
    ),
]
Tenant = Annotated[str | None, typer.Option("--tenant-id", metavar="ID", help="Tenant, for servers that have them.")]
Retries = Annotated[
    int, typer.Option("--max-retries", metavar="N", min=0, max=100, help="Further attempts after a transient failure.")
]
RateLimit = Annotated[
    float | None,
    typer.Option("--rate-limit", metavar="RPS", help="Requests a second at most; 0.2 is one in five seconds."),
]
NoBreaker = Annotated[
    bool, typer.Option("--disable-circuit-breaker", help="Go on asking a server that fails again and again.")
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long the server may be silent.")
]
Mock = Annotated[
    bool,
    typer.Option(
        "--mock",
        help=f"Ask a mock server on this machine with its key, whatever the environment says: {wire.MOCK_URL}, or "
        "--api-url.",
    ),
]
SessionId = Annotated[str | None, typer.Option("--session-id", metavar="ID", help="Session that the call belongs to.")]
Enrollment = Annotated[
    str | None,
    typer.Option("--enrollment-id", metavar="ID", help="Also compare the voice with the one enrolled under this ID."),
]
NoValidate = Annotated[bool, typer.Option("--no-validate", help="Send the file without looking at it first.")]


CONNECTION: Options = {
    "api_url": (ApiUrl, None),
    "tenant_id": (Tenant, None),
    "max_retries": (Retries, 3),
    "rate_limit": (RateLimit, None),
    "disable_circuit_breaker": (NoBreaker, False),
    "timeout": (Timeout, 30.0),
    "mock": (Mock, False),
}


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Which server is asked, and how patiently; the fields are those of the options."""

    api_url: str | None = None
    tenant_id: str | None = None
    max_retries: int = 3
    rate_limit: float | None = None
    disable_circuit_breaker: bool = False
    timeout: float = 30.0
    mock: bool = False

    @contextmanager
    def open(self) -> Iterator[SonotheiaClientEnhanced]:
        """Give a client; whatever it raises inside the block is raised as an error that the user can act on.

        Raises
        ------
        UsageError
            There is no key, or an option has a value that cannot be used.
        NoInputError
            The recording does not exist.
        RemoteError
            The server gave an error, or no answer.
        """
        from audio_batch.remote import SonotheiaClientEnhanced

        with (
            _translated(),
            SonotheiaClientEnhanced(
                api_key=wire.MOCK_API_KEY if self.mock else None,
                api_url=self._find_mock() if self.mock else self.api_url,
                timeout=self.timeout,
                max_retries=self.max_retries,
                rate_limit_rps=self.rate_limit,
                enable_circuit_breaker=not self.disable_circuit_breaker,
                tenant_id=self.tenant_id,
            ) as client,
        ):
            yield client

    def _find_mock(self) -> str:
        """Return the mock's address: whoever says ``--mock`` means that no recording leaves this machine."""
        from sentinel_batch.service.settings import is_loopback

        url = self.api_url or wire.MOCK_URL
        if not is_loopback(urlsplit(url).hostname or ""):
            raise UsageError(
                f"--mock asks a server on this machine, and --api-url is {url!r}.",
                hint="Leave one of the two out, or give --api-url http://localhost:PORT.",
            )
        return url


def with_connection(**defaults: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options of a `Connection`, which it receives as ``connection``."""
    return grouped("connection", Connection, CONNECTION, **defaults)


@contextmanager
def _translated() -> Iterator[None]:
    import requests

    try:
        yield
    except FileNotFoundError as error:
        raise NoInputError(f"{error}.", hint="Check the path.") from error
    except requests.RequestException as error:
        raise _describe(error) from error
    except ValueError as error:
        hint = "export SONOTHEIA_API_KEY=…" if "API key" in str(error) else "See --help."
        raise UsageError(f"{error}.", hint=hint) from error


def _describe(error: Any) -> RemoteError:
    from audio_batch.remote.errors import describe_error

    response = getattr(error, "response", None)
    status = response.status_code if response is not None else None
    facts: dict[str, Any] = {"type": type(error).__name__, "status_code": status}
    return RemoteError(
        f"{type(error).__name__}: {describe_error(error).rstrip('.')}.",
        hint=_hint(type(error).__name__, status),
        **facts,
    )


def _hint(kind: str, status: int | None) -> str:
    if status in (401, 403):
        return "Check SONOTHEIA_API_KEY, and that it belongs to this server."
    if status == 404:
        return "Check --api-url, and SONOTHEIA_DEEPFAKE_PATH and its like if the server has other paths."
    if status is not None and status >= 500:
        return "The server has a problem: sentinel-batch remote health shows whether it lasts."
    if status is not None and kind == "HTTPError":
        return "The server refused the request; its words say why."
    return "Check --api-url; sentinel-batch remote health shows what is wrong."
