"""Two recordings of one object held against each other: where they lie, and by how many standard errors they differ."""
