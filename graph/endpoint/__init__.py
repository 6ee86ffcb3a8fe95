"""TODO graph/endpoint."""
