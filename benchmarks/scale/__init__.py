"""How images per second grow with workers and nodes: a model, and the real daemon."""
