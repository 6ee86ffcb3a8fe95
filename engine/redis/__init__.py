"""TODO engine/redis."""
