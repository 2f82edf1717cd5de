"""Array types that both wings of the analysis use, and the scale of a robust spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.intp]
"""Indices."""
Int64Array = NDArray[np.int64]
"""Times in ns, ordinals, image ids."""
BoolArray = NDArray[np.bool_]
Pixels = NDArray[np.integer]
"""Counts of an image, of any integer type."""

MAD_SIGMA = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution
(1 / Φ⁻¹(3/4))."""
