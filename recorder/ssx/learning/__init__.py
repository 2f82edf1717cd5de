"""What a run learns from its images: background, geometry, unit cell."""
