"""The scan while it runs: beam on, beam off, and every way in which that is interrupted."""
