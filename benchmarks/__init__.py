"""Measured performance: ratios in one run, never a timed test."""
