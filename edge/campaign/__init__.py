"""Paintings larger than the stage: several placements of the scanner, one map in the object's own frame."""
