"""Clocks: affine fits, nearest times, and what stands for an unknown value."""
