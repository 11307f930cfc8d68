"""Simulated instruments: each its own process behind a pseudo-terminal, wrong in the ways that real ones are."""
