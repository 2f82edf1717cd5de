"""The thermolysin stills as files that the recorder reads: HDF5 and ``.geom``."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from tests.recordings import recording

CELL = [92.9, 92.9, 130.4, 90.0, 90.0, 120.0]
SPACE_GROUP = "P6122"
# The data's frame has the beam along -z; half a turn about y brings it to +z.
_TURN = np.diag([-1.0, 1.0, -1.0])


def sources() -> list[Path]:
    """The recorded files, one image each."""
    return sorted(recording("thermolysin").glob("*.npz"))


def write_thermolysin(folder: Path) -> tuple[Path, Path]:
    """Write both images and their panels.

    Returns:
        The HDF5 file, panels stacked along the slow axis, and the geometry file.
    """
    stills = [np.load(source) for source in sources()]
    stack = np.stack([still["panels"].reshape(-1, 194) for still in stills])
    images = folder / "thermolysin.h5"
    with h5py.File(images, "w") as file:
        file.create_dataset(
            "/entry_1/data_1/data",
            data=stack,
            chunks=(1, *stack.shape[1:]),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )
    geometry = folder / "thermolysin.geom"
    described = json.loads(str(stills[0]["geometry"]))
    geometry.write_text(_geom(described))
    return images, geometry


def _geom(described: dict) -> str:
    panels = described["panels"]
    pixel = panels[0]["pixel"][0]
    distance = -float(np.mean([panel["origin"][2] for panel in panels]))
    lines = [
        f"photon_energy = {12398.419843 / described['wavelength_A']:.6f}",
        "adu_per_eV = 0.003",
        f"res = {1000 / pixel:.6f}",
        f"clen = {distance / 1000:.9f}",
    ]
    for number, panel in enumerate(panels):
        name = f"p{number}"
        corner = _TURN @ np.array(panel["origin"])
        lines += [
            f"{name}/min_fs = 0",
            f"{name}/max_fs = 193",
            f"{name}/min_ss = {185 * number}",
            f"{name}/max_ss = {185 * number + 184}",
            f"{name}/corner_x = {corner[0] / pixel:.6f}",
            f"{name}/corner_y = {corner[1] / pixel:.6f}",
            f"{name}/coffset = {(corner[2] - distance) / 1000:.9f}",
            f"{name}/fs = {_axis(_TURN @ np.array(panel['fast']))}",
            f"{name}/ss = {_axis(_TURN @ np.array(panel['slow']))}",
        ]
    return "\n".join(lines) + "\n"


def _axis(vector: np.ndarray) -> str:
    return "".join(
        f"{value:+.9f}{axis} " for value, axis in zip(vector, "xyz", strict=True)
    )
