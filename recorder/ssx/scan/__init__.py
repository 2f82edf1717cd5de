"""Which well of a chip each image is from, and what the wells tell."""
