"""Pure: rotations, grids, energy scans and spectra; arrays and records in and out."""
