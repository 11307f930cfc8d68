"""What a stage and a spectrometer need to be one controller: rows, clocks, places, and the two ways to fly."""
