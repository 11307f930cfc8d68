"""What stands in front of the simulated instrument: the specimen on its easel and the camera that looks at it."""
