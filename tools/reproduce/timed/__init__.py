"""Time to quality: scans carried out in thought on measured maps, second by second, photon by photon."""
