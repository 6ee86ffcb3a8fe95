"""Leaf layer: settings, errors, security, connections and embedded services. Imports nothing of ours."""

__version__ = "0.1.0"
