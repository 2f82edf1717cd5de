"""ISPyB: the facility's database."""
