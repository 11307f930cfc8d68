"""Coarse scans of known maps, and the ways to fine ones."""
