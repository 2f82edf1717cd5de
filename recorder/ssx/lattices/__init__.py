"""Unit cells, symmetry, and the lattices that spots belong to."""
