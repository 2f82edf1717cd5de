"""Triggers, lasers and their faults."""
