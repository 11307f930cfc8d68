"""The simulated GRBL board with its stage, outputs and monostable."""
