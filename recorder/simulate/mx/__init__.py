"""Rotations, grids, energy scans and spectra, with what is true of them."""
