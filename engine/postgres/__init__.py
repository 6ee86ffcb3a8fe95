"""TODO engine/postgres."""
