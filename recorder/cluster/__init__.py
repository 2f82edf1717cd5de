"""The engine ``dask``: places nodes on a cluster and runs batch tasks there.

It never carries images. Dask is imported in processes of its own only, see
``docs/decisions/0029-dask-places.md``.
"""
