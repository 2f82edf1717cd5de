"""Classification in worker processes, and who holds which image.

Empty on purpose: a worker imports only what it needs.
"""
