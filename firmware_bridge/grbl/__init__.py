"""Stages on GRBL 1.1 boards, from bytes to `Stage`."""
