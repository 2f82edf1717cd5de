"""Files for each run."""
