"""A run on one page as a picture, for a logbook that takes no HTML."""
