"""The bridge to the instrument: millimetres, seconds, counts and bytes, and nothing of masks, images or maps."""

import logging

# A library's words go where the program sends them; without this, Python prints them to the terminal.
logging.getLogger(__name__).addHandler(logging.NullHandler())
