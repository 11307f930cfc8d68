"""The synthetic experiment of the super-resolution paper: its scene, drawn anew, and what is measured on it."""
