"""Measurements of speed and quality against peers: ``python -m tools.bench NAME``."""
