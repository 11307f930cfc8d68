"""The simulated DP5 spectrometer."""
