"""The layer at which one path goes past all routes; it is the only one that opens WebSockets."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import RouteNotFound
from core.http import Render


class Dispatch:
    """Sends what is addressed to one path straight to its application, past all routes.

    Args:
        app: where every other HTTP request goes; other WebSockets are answered 404.
        path: the whole path.
        to: the application behind it, for HTTP and WebSocket.
        render: words the error 404.
    """

    def __init__(self, app: ASGIApp, path: str, to: ASGIApp, render: Render) -> None:
        self.app = app
        self.path = path
        self.to = to
        self.render = render

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # No coroutine of its own, which would be gone through whenever the request goes on.
        app = self.to if scope.get("path") == self.path else self.app
        if app is self.app and scope["type"] == "websocket":
            app = self.render(scope, RouteNotFound())
        return app(scope, receive, send)
