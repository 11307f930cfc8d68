"""A raster replayed by many masks, reconstructions and rates, and what that says of a scan that was not made."""
