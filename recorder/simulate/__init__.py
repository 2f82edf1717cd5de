"""A detector and a timing system that know the truth."""
