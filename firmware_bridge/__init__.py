"""The bridge to the instrument: millimetres, seconds, counts and bytes, and nothing of masks, images or maps."""
