"""The simulated controller that speaks the native protocol."""
