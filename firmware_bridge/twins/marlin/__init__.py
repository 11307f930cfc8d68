"""A stage on a board with Marlin 2, imitated byte by byte."""
