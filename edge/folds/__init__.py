"""What a journal adds up to."""
