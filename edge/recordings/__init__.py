"""Recordings looked after: checked, copied off the box, watched while they grow, read by others' programs.

Others' programs use `edge.recordings.reading.open_read_only`, which keeps its shape from version to version.
"""
