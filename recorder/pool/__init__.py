"""Classification in worker processes; which worker has which image.

Empty on purpose: a worker imports only what it needs.
"""
