"""Pages for people: templates, who sees what in them, and errors as pages."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from batch_base.errors import ReportedError
from batch_base.plain import to_plain
from sentinel_batch.reporting.drill_downs import tell_value
from sentinel_batch.reporting.marks import SEVERITY_ICONS
from sentinel_batch.reporting.page import make_environment
from sentinel_batch.reporting.text import localise, visible
from sentinel_batch.schema import SEVERITIES
from sentinel_batch.service.access import ANY, JUDGE, READ, SEND, Principal, needs
from sentinel_batch.service.answers import is_masked, mask
from sentinel_batch.service.failures import RETRY_SECONDS, describe
from sentinel_batch.service.pages import assets, words
from sentinel_batch.service.sessions import SessionStore
from sentinel_batch.service.state import Service

log = logging.getLogger("sentinel_batch.service")

FORM_FIELD = "csrf"
"""Field of forms that shows that they are ours; scripts send it as the header :data:`FORM_HEADER`."""

FORM_HEADER = "x-csrf-token"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Without a referrer browsers hide the origin of a form, too, and it would be taken for one of another site.
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"}
_MOST_FIELDS = 50
_MAY = {"read": READ, "judge": JUDGE, "send": SEND, "any": ANY}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _Everybody:
    """Contains every number: each has a page, to which it is linked."""

    def __contains__(self, number: object) -> bool:
        return True


class SignInError(Exception):
    """Nobody has signed in."""


class PageRoute(APIRoute):
    """A route whose refusals and failures are pages, too."""

    def get_route_handler(self) -> Handler:
        """Return the handler, with errors told as a page, or as a part of one where a script asked."""
        plain = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await plain(request)
            except SignInError:
                return _ask_to_sign_in(request)
            except Exception as error:
                return _tell(request, error)

        return handle


def visitor(roles: tuple[str, ...]) -> Any:
    """Return a dependency that lets some roles in and gives who asks; strangers are asked to sign in."""
    check = needs(roles).dependency

    async def find(request: Request) -> Principal:
        if request.scope["state"]["principal"] is None:
            raise SignInError
        principal: Principal = await check(request)
        return principal

    return Depends(find)


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form that was made for this browser.

    Raises
    ------
    HTTPException
        If it was not, or has files in it.
    """
    async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
        fields = {name: value.strip() for name, value in form.items() if isinstance(value, str)}
    check_token(request, fields.pop(FORM_FIELD, ""))
    return fields


def check_token(request: Request, token: str = "") -> None:
    """Refuse what another page than ours has sent.

    Raises
    ------
    HTTPException
        If neither the token nor the header is that of the browser.
    """
    sessions: SessionStore = request.app.state.sessions
    if not sessions.owns_form(request.headers, request.headers.get(FORM_HEADER) or token):
        raise HTTPException(403, "The form is no longer valid: reload the page, and send it again.")


def show(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page for who asks: values made plain, and numbers masked for those who only read."""
    state = request.scope["state"]
    service: Service = request.app.state.service
    principal: Principal | None = state.get("principal")
    masked = is_masked(principal, service.settings)
    plain = to_plain(values)
    context = {
        **_context(request, principal),
        **(mask_pictures(mask(plain)) if masked else plain),
        "masked": masked,
        "alerted": () if masked else _Everybody(),
    }
    page = templates(service.desk.config.timezone).get_template(template).render(context)
    return HTMLResponse(page, status, _HEADERS)


def mask_pictures(value: Any) -> Any:
    """Mask the last digits that stand beside the dots of a network as the rest of the page does."""
    if isinstance(value, dict):
        masked = {name: mask_pictures(item) for name, item in value.items()}
        return {**masked, "short": masked["number"][-4:]} if {"short", "number"} <= masked.keys() else masked
    return [mask_pictures(item) for item in value] if isinstance(value, list) else value


@cache
def templates(timezone: str) -> Environment:
    """Return the report's templates with those of the live page before them; times are in an IANA zone."""
    environment = make_environment(timezone)
    own = PackageLoader("sentinel_batch.service.pages")
    environment.loader = ChoiceLoader([own, environment.loader] if environment.loader else [own])
    environment.filters.update(
        measure=words.say_measure,
        amount=words.say_amount,
        spark=words.draw_spark,
        changes=words.tell_changes,
        fact=lambda value: tell_value(value, timezone),
        moment=lambda value: localise(visible(value), timezone),
    )
    return environment


def _context(request: Request, principal: Principal | None) -> dict[str, Any]:
    sessions: SessionStore = request.app.state.sessions
    service: Service = request.app.state.service
    role = principal.role if principal is not None else ""
    return {
        "visitor": principal,
        "may": {name: role in roles for name, roles in _MAY.items()},
        "local": service.settings.insecure_local,
        "csrf": sessions.form_token(request.headers),
        "asset": assets.address,
        "here": request.url.path,
        "back": _address(request),
        "icons": SEVERITY_ICONS,
        "severities": list(reversed(SEVERITIES)),
        "timezone": service.desk.config.timezone,
        "alerts_of": Counter(),
    }


def _ask_to_sign_in(request: Request) -> Response:
    address = "/login?next=" + quote(_address(request), safe="/")
    if _is_part(request):
        link = Markup('You are signed out. <a href="{}">Sign in</a>').format(address)
        return _tell_part(401, link)
    if request.method not in ("GET", "HEAD"):
        address = "/login"
    return RedirectResponse(address, 303)


def _tell(request: Request, error: Exception) -> Response:
    status, messages, hint = _read_error(request, error)
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    if _is_part(request):
        text = " ".join([*messages, hint]).strip()
        response: Response = _tell_part(status, Markup.escape(_masked(request, text)))
    else:
        response = show(request, "error.html.j2", status, code=status, messages=messages, hint=hint)
    response.headers.update({**headers, **(dict(getattr(error, "headers", None) or {}))})
    return response


def _read_error(request: Request, error: Exception) -> tuple[int, list[str], str]:
    """Return status, messages and hint of an error."""
    service: Service = request.app.state.service
    if isinstance(error, HTTPException):
        return error.status_code, [str(error.detail)], ""
    if isinstance(error, RequestValidationError):
        return 422, [f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors()], ""
    if isinstance(error, ReportedError):
        scrub = service.settings.scrub
        return describe(error)[0], [scrub(error.message)], scrub(error.hint)
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return 500, ["The service has failed; its log says where."], ""


def _tell_part(status: int, text: Markup) -> Response:
    return HTMLResponse(Markup('<p class="alarm">{}</p>').format(text), status)


def _masked(request: Request, text: str) -> str:
    service: Service = request.app.state.service
    hidden = is_masked(request.scope["state"].get("principal"), service.settings)
    return str(mask(text)) if hidden else text


def _is_part(request: Request) -> bool:
    """Tell whether a script asks for a part of a page."""
    return "hx-request" in request.headers


def _address(request: Request) -> str:
    """Return the address of the page that a browser shows, for the way back."""
    query = f"?{request.url.query}" if request.url.query else ""
    return request.url.path + query
