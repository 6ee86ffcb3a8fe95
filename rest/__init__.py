"""The REST face, and the pages that explain it."""
