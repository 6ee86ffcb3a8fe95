"""The innermost layer: one path goes past all routes."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Dispatch:
    """Sends what is addressed to one path straight to its application, past all routes.

    Args:
        app: where everything else goes.
        path: the whole path.
        to: the application behind it, for HTTP and WebSocket.
    """

    def __init__(self, app: ASGIApp, path: str, to: ASGIApp) -> None:
        self.app = app
        self.path = path
        self.to = to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.to if scope.get("path") == self.path else self.app
        await app(scope, receive, send)
