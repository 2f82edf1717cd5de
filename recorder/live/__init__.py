"""What the daemon says of this moment: counts that grow image by image."""
