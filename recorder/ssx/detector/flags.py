"""Values that mark pixels without a count."""

from __future__ import annotations

import numpy as np

from recorder.records import DetectorInfo

_DEPTHS = (8, 16)
"""Bits of a readout that writers store in larger pixels: DECTRIS' depths below 32."""
_FAR = 16.0
"""A flag is no more than this times the saturation value, else the two have nothing to
do with each other: the lowest cut-off of a 16-bit EIGER is a sixth of its flag. Chosen,
not tuned."""


def narrow_flag(info: DetectorInfo, dtype: str) -> int | None:
    """The flag of a detector that counts in fewer bits than its pixels are stored in.

    All ones in the bits that it counts in: by the bit depth that it states, or because
    no count is above the saturation value. Where images are sums, neither says so.

    Args:
        info: What header or file say.
        dtype: Type of the pixels.

    Returns:
        The value, beside the highest one of the type, or None.
    """
    limits = np.iinfo(np.dtype(dtype).str)
    if (info.nframes_sum or 1) > 1:
        return None
    saturation = info.saturation
    depths = _DEPTHS if info.bit_depth is None else (info.bit_depth,)
    for depth in depths:
        flag = (1 << depth) - 1
        if depth not in _DEPTHS or flag >= limits.max:
            continue
        if info.bit_depth is not None:
            return flag if saturation is None or saturation <= flag else None
        if saturation is not None and saturation < flag <= _FAR * saturation:
            return flag
    return None
