"""Sends what a detector and a timing system send."""
