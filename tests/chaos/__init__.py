"""Kills, cuts and fills everything around an experiment, and counts afterwards."""
