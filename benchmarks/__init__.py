"""Measurements of Tandem beside its peers: ``make bench``; ``docs/benchmarks.md`` says how to read them."""
