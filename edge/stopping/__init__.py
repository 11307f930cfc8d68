"""Knowing when to stop: exposures that are never fitted, the error that they tell, and the rule that it meets."""
