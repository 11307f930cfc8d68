"""A spectrometer on the network that takes SCPI commands, a line each."""
