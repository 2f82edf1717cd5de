"""Pure functions: arrays and records in, records out."""
