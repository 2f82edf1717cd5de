"""DECTRIS stream v1 and v2."""
