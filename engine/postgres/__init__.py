"""PostgreSQL under Tortoise: client, pool, projected rows, selects."""
