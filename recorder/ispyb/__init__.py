"""The facility's database, for whoever reads or writes it."""
