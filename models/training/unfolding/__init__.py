"""Super-resolution by an unfolded network that learns from one scan and its photograph; torch, at a desk."""
