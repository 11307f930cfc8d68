"""A few points measured long, before hours are spent: what every shorter dwell would give."""
