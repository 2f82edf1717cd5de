"""Peaks and indexing of probixi on the CPU, in the peers' environment.

.cache/peers/bin/python -m benchmarks.peers.run_probixi FOLDER OUTPUT
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.exchange import Column, Images, Reply, cpu, load, save_columns

ENRICH_ALPHA = 1e-3
"""The gate that probixi's own cell calibration uses for a lattice."""

GEOMETRY = """\
wavelength = {wavelength} A
clen = {distance}
res = {res}
adu_per_photon = 1
data = /entry/data/data
dim0 = %
dim1 = ss
dim2 = fs
mask = /entry/mask
mask_good = 0
mask_bad = 1
p0/min_fs = 0
p0/max_fs = {last_x}
p0/min_ss = 0
p0/max_ss = {last_y}
p0/corner_x = {corner_x}
p0/corner_y = {corner_y}
p0/fs = +1.0x
p0/ss = +1.0y
"""
CELL = """\
CrystFEL unit cell file version 1.0

lattice_type = tetragonal
centering = P
unique_axis = c
a = {0} A
b = {1} A
c = {2} A
al = {3} deg
be = {4} deg
ga = {5} deg
"""


def inputs(images: Images) -> dict[str, Path]:
    """The files that probixi reads: images to learn from, geometry, cell."""
    h5py: Any = import_module("h5py")
    names = {"list_file": "learn.lst", "geometry_file": "peer.geom"}
    paths = {key: images.folder / name for key, name in names.items()}
    paths["cell_file"] = images.folder / "peer.cell"
    data = images.folder / "learn.h5"
    with h5py.File(data, "w") as file:
        file["entry/data/data"] = images.learn
        file["entry/mask"] = images.mask.astype(np.uint8)
    paths["list_file"].write_text(f"{data}\n")
    setup, (height, width) = images.setup, images.mask.shape
    # probixi counts from the middle of pixel 0, the setup from its corner
    text = GEOMETRY.format(
        wavelength=setup.wavelength,
        distance=setup.distance,
        res=1 / setup.pixel_size,
        last_x=width - 1,
        last_y=height - 1,
        corner_x=0.5 - setup.beam_center[0],
        corner_y=0.5 - setup.beam_center[1],
    )
    paths["geometry_file"].write_text(text)
    paths["cell_file"].write_text(CELL.format(*setup.cell))
    return paths


class Finder:
    """probixi, calibrated on the images to learn from; goes on learning."""

    def __init__(self, images: Images) -> None:
        self._torch: Any = import_module("torch")
        self._torch.set_num_threads(1)
        self._pipeline = import_module("probixi").Probixi(
            **inputs(images), device=self._torch.device("cpu")
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.seconds, _ = cpu(
                lambda: self._pipeline.calibrate(n_seed=len(images.learn))
            )

    def _frame(self, pixels: NDArray[np.uint16]) -> Any:
        return self._torch.from_numpy(pixels.astype(np.float32))

    def peaks(self, n: int, pixels: NDArray[np.uint16], update: bool) -> Any:
        """The peaks of one image, without indexing."""
        stream = self._pipeline.peak_stream(
            [self._frame(pixels)],
            start_index=n,
            update_noise=update,
            estimate_scale=False,
        )
        return next(iter(stream)).to_peaks()

    def index(self, n: int, pixels: NDArray[np.uint16]) -> Any:
        """The whole of probixi on one image, integration included."""
        stream = self._pipeline.index_frame_stream(
            [self._frame(pixels)], batch_size=1, start_index=n, update_noise=False
        )
        return next(iter(stream))

    def replies(self, n: int, pixels: NDArray[np.uint16]) -> tuple[Reply, Reply]:
        """Without and with the gate on chance lattices."""
        seconds, peaks = cpu(lambda: self.peaks(n, pixels, update=True))
        # once more without learning, since indexing must not learn it twice
        again, _ = cpu(lambda: self.peaks(n, pixels, update=False))
        both, result = cpu(lambda: self.index(n, pixels))
        spots = [(p.col + 0.5, p.row + 0.5) for p in peaks]
        rows = [np.linalg.inv(c.A.cpu().double().numpy()) for c in result.crystals]
        lattices = [[float(v) for v in row.ravel()] for row in rows]
        gated = [
            lattice
            for lattice, crystal in zip(lattices, result.crystals, strict=True)
            if crystal.enrich_p is not None and crystal.enrich_p <= ENRICH_ALPHA
        ]
        indexing = max(both - again, 0.0)
        return (
            Reply(seconds, spots, indexing, lattices),
            Reply(seconds, spots, indexing, gated),
        )


def main() -> None:
    images = load(Path(sys.argv[1]))
    finder = Finder(images)
    finder.peaks(0, images.test[0], update=False)  # warm-up
    settings = (
        f"all defaults, CPU, PyTorch {version('torch')}; calibrated once on "
        f"{len(images.learn)} other images ({finder.seconds:.0f} s CPU), then "
        "learning on from each image; indexing includes its integration"
    )
    gate = f"the same run; only lattices with enrich_p <= {ENRICH_ALPHA:g} count"
    plain = Column("probixi", version("probixi"), settings)
    gated = Column("probixi, gated", version("probixi"), gate)
    for n, pixels in enumerate(images.test):
        first, second = finder.replies(n, pixels)
        plain.replies.append(first)
        gated.replies.append(second)
    save_columns(Path(sys.argv[2]), [plain, gated])


if __name__ == "__main__":
    main()
