"""Each facility's way with ISPyB."""
