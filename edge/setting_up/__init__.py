"""A first configuration: a few questions, what is plugged in, a file with comments."""
