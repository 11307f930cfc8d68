"""Recordings looked after: checked, copied off the box, watched while they grow, read by others' programs."""
