"""HTTP/1.1 on a connection: uvicorn's protocol with bounds, for other protocols' offers and old clients, too."""

from engine.http.limits import ConnectionLimits, Headers
from engine.http.protocol import HttpProtocol

__all__ = ["ConnectionLimits", "Headers", "HttpProtocol"]
