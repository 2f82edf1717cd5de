"""Other spot finders and indexers on the same images, each in its own environment.

No module here imports a peer into our process: the ``run_*`` modules are started with
the peer's own interpreter and import nothing of ours but :mod:`.exchange`.
"""
