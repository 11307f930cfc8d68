"""Sampling that listens: where to measure next, from what has been measured."""
