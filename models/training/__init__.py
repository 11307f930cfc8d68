"""Torch networks and how they are trained; nothing at run time imports this."""
