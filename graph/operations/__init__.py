"""What operators ask of a running system: by command and by operation."""
