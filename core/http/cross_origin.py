"""The layer that lets pages of other origins in (CORS), and the log says why one was not (fetch.spec.whatwg.org)."""

import logging
import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.http.headers import find_header
from core.settings import Settings

logger = logging.getLogger("tandem.cors")

METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
#: What a page of another origin may send, beside what CORS always allows and ``TANDEM_CORS_HEADERS``.
REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "X-Request-ID",
    "X-Requested-With",
    # Apollo Client and Apollo Server's protection against requests without a preflight.
    "Apollo-Require-Preflight",
    "Apollographql-Client-Name",
    "Apollographql-Client-Version",
    "GraphQL-Client-Name",
    "GraphQL-Client-Version",
    "GraphQL-Preflight",
    "X-Apollo-Operation-Id",
    "X-Apollo-Operation-Name",
    # Tracing: W3C Trace Context and Baggage, and Sentry.
    "Baggage",
    "Sentry-Trace",
    "Traceparent",
    "Tracestate",
)
#: Where front ends are developed.
_LOCAL = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")
_VARY = (b"vary", b"Origin")
_MAX_SHOWN = 200


def allows_origin(settings: Settings, origin: str) -> bool:
    """Tell whether pages of an origin may read answers and open sockets; in development, those of this machine may."""
    if origin in settings.cors_origins:
        return True
    return not settings.is_production and _LOCAL.fullmatch(origin) is not None


def log_refused_origin(origin: str) -> None:
    """Log that a page was refused, and how to let it in."""
    logger.warning(
        "Refused a page of %.*r: TANDEM_CORS_ORIGINS does not name this origin", _MAX_SHOWN, origin
    )


class CrossOrigin(CORSMiddleware):
    """Answers preflights, and lets pages of allowed origins read what is answered.

    It stands behind :class:`core.http.request_log.RequestLog`, which writes the headers: what that layer answers
    itself can be read by pages, too.

    Args:
        app: what serves the request.
        settings: name the origins, and more headers that pages may send.
        expose_headers: what a page may read, beside what CORS always allows.
    """

    def __init__(self, app: ASGIApp, settings: Settings, expose_headers: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_methods=METHODS,
            allow_headers=(*REQUEST_HEADERS, *settings.cors_headers),
            expose_headers=expose_headers,
            max_age=600,
        )
        self._settings = settings
        self._exposed = (b"access-control-expose-headers", ", ".join(expose_headers).encode())
        #: Without any origin that is let in, all answers are the same for all.
        self._unasked = () if settings.is_production and not settings.cors_origins else (_VARY,)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and find_header(scope, b"origin"):
            await super().__call__(scope, receive, send)
            return
        if scope["type"] == "http":
            scope["state"]["answer_headers"] = self._unasked
        await self.app(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        return allows_origin(self._settings, origin)

    async def simple_response(
        self, scope: Scope, receive: Receive, send: Send, request_headers: Headers
    ) -> None:
        """Serve a request of a page; what its browser lets it read is its origin's matter."""
        origin = request_headers["origin"]
        if self.is_allowed_origin(origin):
            allowed = (b"access-control-allow-origin", origin.encode("latin-1"))
            scope["state"]["answer_headers"] = (_VARY, allowed, self._exposed)
        else:
            scope["state"]["answer_headers"] = self._unasked
            if not _is_same_origin(request_headers):
                log_refused_origin(origin)
        await self.app(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight, and log why if it is refused."""
        origin = request_headers["origin"]
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        if not self.is_allowed_origin(origin):
            log_refused_origin(origin)
            return response
        asked = [
            name.strip() for name in request_headers.get("access-control-request-headers", "").split(",")
        ]
        refused = ", ".join(name for name in asked if name.lower() not in self.allow_headers)
        if refused:
            why = f"TANDEM_CORS_HEADERS does not name {refused[:_MAX_SHOWN]!r}"
        else:
            why = f"no page may use {request_headers['access-control-request-method'][:_MAX_SHOWN]!r}"
        logger.warning("Refused a request of a page of %s: %s", origin, why)
        return response


def _is_same_origin(headers: Headers) -> bool:
    """Tell whether a page asks where it came from, for which browsers name an origin too.

    The scheme may be another one where a proxy ends TLS, and the host where it does not pass that on.
    """
    _, _, host = headers["origin"].partition("://")
    return host == headers.get("host") or headers.get("sec-fetch-site") == "same-origin"
