"""Where the pixels are."""
