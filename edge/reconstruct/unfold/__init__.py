"""Maps by an unfolded network that learned from this very scan: inputs, network, projection, standard error."""

from edge.reconstruct.unfold.method import unfolded

__all__ = ["unfolded"]
