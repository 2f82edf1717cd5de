"""One module for each command of ``recorder``."""
