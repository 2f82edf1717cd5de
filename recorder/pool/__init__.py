"""Classification in worker processes, and which worker has which image.

Empty on purpose: a worker imports only what it needs.
"""
