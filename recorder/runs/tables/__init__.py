"""Images and events of a run as columns."""
