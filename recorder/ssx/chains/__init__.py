"""Declared event chains: read, repeated over a run, converted between scopes."""
