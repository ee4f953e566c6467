"""Measurements: scripts that make them, and dated records of what they gave."""
