"""Wires sources, runs, workers, journal and sinks; the only place that knows all."""
