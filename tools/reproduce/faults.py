"""What ends a reproduction."""

from __future__ import annotations


class ReproductionError(Exception):
    """A table that cannot be made as asked; the text is one sentence with the remedy."""
