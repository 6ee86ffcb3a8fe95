"""Leaf layer: settings, errors, security, connections and embedded services. Imports nothing of ours."""
