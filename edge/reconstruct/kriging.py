"""placeholder"""
from edge.reconstruct.harmonic import harmonic as kriging
