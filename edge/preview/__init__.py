"""Maps while the scan runs."""
