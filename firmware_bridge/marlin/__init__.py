"""Stages on boards with Marlin 2, from bytes to `Stage`."""
