"""The simulated spectrometer that takes SCPI commands."""
