"""GraphQL over HTTP and WebSocket: requests, documents and their limits, streams, sockets, the playground."""
