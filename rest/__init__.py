"""The REST API, and the pages that explain it."""
