"""Matches images to triggers by time."""
