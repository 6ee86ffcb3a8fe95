"""HTTP/1.1 on a connection: uvicorn's protocol, with offers of other protocols and old clients served right."""

from engine.http.protocol import HttpProtocol

__all__ = ["HttpProtocol"]
