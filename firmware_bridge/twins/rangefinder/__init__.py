"""The simulated rangefinder: lines of text over a serial port."""
