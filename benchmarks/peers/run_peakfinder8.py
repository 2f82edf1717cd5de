"""peakfinder8 of OM (package ondamonitor), in the peers' environment.

.cache/peers/bin/python -m benchmarks.peers.run_peakfinder8 FOLDER OUTPUT
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.exchange import (
    REPEATS,
    Column,
    Images,
    Reply,
    cpu,
    load,
    save_columns,
)

ADC, PIXELS, RING, LEAST_RADIUS = 4.0, (2, 200), 3, 20
SNR = (5.0, 6.0)


def detector(images: Images, snr: float, fast: bool) -> Any:
    """OM's detection object for one panel of the whole image."""
    height, width = images.mask.shape
    x0, y0 = images.setup.beam_center
    y, x = np.ogrid[:height, :width]
    radius = np.hypot(x + 0.5 - x0, y + 0.5 - y0).astype(np.float32)
    made = import_module("om.algorithms.crystallography").Peakfinder8PeakDetection(
        radius_pixel_map=radius,
        layout_info={
            "asic_nx": width,
            "asic_ny": height,
            "nasics_x": 1,
            "nasics_y": 1,
        },
        crystallography_parameters={
            "max_num_peaks": 2000,
            "adc_threshold": ADC,
            "minimum_snr": snr,
            "min_pixel_count": PIXELS[0],
            "max_pixel_count": PIXELS[1],
            "local_bg_radius": RING,
            "min_res": LEAST_RADIUS,
            "max_res": 10_000,
            "fast_mode": fast,
        },
    )
    made.set_bad_pixel_map((~images.mask).astype(np.int8))
    return made


def reply(finder: Any, pixels: NDArray[np.uint16]) -> Reply:
    """One image; OM converts it to float32 itself, which counts."""
    seconds, peaks = cpu(lambda: finder.find_peaks(data=pixels), REPEATS)
    spots = [
        (float(x) + 0.5, float(y) + 0.5)
        for x, y in zip(peaks["fs"], peaks["ss"], strict=True)
    ]
    return Reply(seconds, spots)


def main() -> None:
    images = load(Path(sys.argv[1]))
    columns = []
    for snr, fast in [(snr, False) for snr in SNR] + [(SNR[0], True)]:
        finder = detector(images, snr, fast)
        finder.find_peaks(data=images.test[0])  # warm-up
        settings = f"snr {snr:g}, adc {ADC:g}, {PIXELS[0]}-{PIXELS[1]} px"
        settings += f", ring {RING} px, radius from {LEAST_RADIUS} px"
        settings += ", radial statistics of 100 px a bin" if fast else ""
        name = f"peakfinder8, snr {snr:g}" + (", fast mode" if fast else "")
        column = Column(name, f"OM {version('ondamonitor')}", settings)
        column.replies = [reply(finder, pixels) for pixels in images.test]
        columns.append(column)
    save_columns(Path(sys.argv[2]), columns)


if __name__ == "__main__":
    main()
