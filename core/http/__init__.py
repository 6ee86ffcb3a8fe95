"""TODO core/http."""
