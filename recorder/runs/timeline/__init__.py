"""The timeline of a run, going on or complete."""
