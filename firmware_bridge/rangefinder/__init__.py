"""Distance to the object: a rangefinder that sends lines of text, or a switch on the stage's input."""
