"""Many recordings fitted and reconstructed again, by many processes that share a file system."""
