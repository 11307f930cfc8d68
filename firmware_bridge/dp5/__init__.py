"""Spectrometers of Amptek's DP5 family, from bytes to `Spectrometer`."""
