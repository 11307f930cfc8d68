"""The beam's way in time: as a picture, as an animation, as a page to look at closely."""
