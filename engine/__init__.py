"""The machine room: an executor, database and Redis clients and batching, each of which could be lifted out."""
