"""Triggers of a run: as captured, as declared, and which of them the laser lit."""
