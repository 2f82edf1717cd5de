"""What the daemon itself costs for an image, with workers that cost nothing."""
