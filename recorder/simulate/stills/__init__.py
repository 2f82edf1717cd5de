"""Renders stills."""
