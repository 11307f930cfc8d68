"""Maps by an unfolded network that learned from this very scan: inputs, network, projection, standard error."""
