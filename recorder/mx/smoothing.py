"""A natural cubic smoothing spline whose values have known errors, in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_STIFFNESS = np.logspace(-9, 9, 145)
"""Weights of the roughness that are tried, relative to that of the data."""


@dataclass(frozen=True, slots=True, eq=False)
class SmoothingSpline:
    """What smoothing with one stiffness does to any values at the same places."""

    x: Floats
    """(n,), ascending."""
    values: Floats
    """(n,), the smoothed ones."""
    smoother: Floats
    """(n, n): the smoothed values of y are ``smoother @ y``."""
    curvatures: Floats
    """(n, n): their second derivatives are ``curvatures @ values``."""
    freedom: float
    """Effective number of parameters."""

    def at(self, places: Floats, values: Floats, derivative: int = 0) -> Floats:
        """The spline through smoothed values, or its first derivative.

        Args:
            places: (m,), within ``x``.
            values: (n,) or (n, k), smoothed.
            derivative: 0 or 1.

        Returns:
            (m,) or (m, k).
        """
        second = self.curvatures @ values
        left = np.clip(np.searchsorted(self.x, places, "right") - 1, 0, self.x.size - 2)
        h = self.x[left + 1] - self.x[left]
        a = (self.x[left + 1] - places) / h
        b = 1 - a
        shape = (-1,) + (1,) * (values.ndim - 1)
        h, a, b = h.reshape(shape), a.reshape(shape), b.reshape(shape)
        low, high = values[left], values[left + 1]
        if derivative:
            bend = (3 * b**2 - 1) * second[left + 1] - (3 * a**2 - 1) * second[left]
            slopes: Floats = (high - low) / h + h * bend / 6
            return slopes
        bend = (a**3 - a) * second[left] + (b**3 - b) * second[left + 1]
        found: Floats = a * low + b * high + h**2 * bend / 6
        return found


def smoothing_spline(x: Floats, y: Floats, error: Floats) -> SmoothingSpline:
    """The spline that is closest to what is behind the errors, by Mallows' criterion.

    Args:
        x: (n,), ascending, no two alike, n at least 4.
        y: (n,).
        error: (n,), standard deviation of each, above 0.
    """
    h = np.diff(x)
    n = x.size
    ties = np.zeros((n, n - 2))
    inner = np.arange(n - 2)
    ties[inner, inner] = 1 / h[:-1]
    ties[inner + 1, inner] = -1 / h[:-1] - 1 / h[1:]
    ties[inner + 2, inner] = 1 / h[1:]
    band = np.diag((h[:-1] + h[1:]) / 3)
    band += np.diag(h[1:-1] / 6, 1) + np.diag(h[1:-1] / 6, -1)
    bends = np.linalg.solve(band, ties.T)
    rough = ties @ bends
    scaled = error[:, None] * rough * error[None, :]
    levels, basis = np.linalg.eigh((scaled + scaled.T) / 2)
    levels = np.maximum(levels, 0.0)
    part = basis.T @ (y / error)
    unit = float(np.median(levels[levels > 0])) if bool((levels > 0).any()) else 1.0
    kept = 1 / (1 + _STIFFNESS[:, None] / unit * levels[None, :])
    risk = ((1 - kept) ** 2 * part**2).sum(axis=1) + 2 * kept.sum(axis=1)
    best = kept[int(risk.argmin())]
    smoother = (error[:, None] * basis * best) @ (basis.T / error[None, :])
    curvatures = np.zeros((n, n))
    curvatures[1:-1] = bends
    return SmoothingSpline(x, smoother @ y, smoother, curvatures, float(best.sum()))
