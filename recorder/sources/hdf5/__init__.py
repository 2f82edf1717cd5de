"""HDF5 files: NXmx and Eiger masters, data files, CXI."""
