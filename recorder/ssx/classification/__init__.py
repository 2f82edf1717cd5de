"""From pixels to a class."""
