"""Makes ``docs/leaving-v1.md`` from what both APIs answer: ``python -m tests.rest.leaving`` writes it anew."""
