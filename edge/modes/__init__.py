"""Ways to go over an object in a given time, which compete by what they are predicted to show."""
