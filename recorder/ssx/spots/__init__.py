"""Spots: found, joined, integrated; those of powder rings left out."""
