"""Simulated series of images that cost nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from recorder.simulate.mx.pictures import mx_geometry
from recorder.simulate.stills.settings import StillSettings
from recorder.simulate.stream.series import Frame, Series, encode, header_info


def tiny_series(plan: Any) -> Series:
    """As many images as a plan has, of few pixels."""
    stills = StillSettings(geometry=mx_geometry(16, 1.8), min_spots=0)
    blank = Frame(encode([np.zeros((17, 16), np.uint16)])[0], "miss")
    bright = Frame(encode([np.ones((17, 16), np.uint16)])[0], "hit")
    exposures = plan.exposures(1.0)
    order = (exposures.brightness > 0).astype(np.int64)
    return Series((blank, bright), order, header_info(stills), None, None, "P43212")
