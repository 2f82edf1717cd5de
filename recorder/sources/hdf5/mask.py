"""The mask of bad pixels of a file, and what is wrong with it."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from recorder.errors import FileFormatError, RecorderError
from recorder.records.limits import MAX_FILE_PIXELS
from recorder.sources.hdf5.facts import Facts
from recorder.sources.hdf5.links import resolve
from recorder.sources.hdf5.nexus import Group
from recorder.sources.hdf5.opening import Place, guarded
from recorder.sources.hdf5.sources import Sources
from recorder.sources.hdf5.view import Shape, View
from recorder.sources.hdf5.virtual import Joined
from recorder.sources.pixels import PIXEL_TYPES, decode

Mask = NDArray[np.bool_]
_NAMES = ("pixel_mask", "mask")


def mask_places(facts: Facts, groups: tuple[Group, ...]) -> list[tuple[str, Place]]:
    """Masks of the detector that are there: path in the master, and where it led."""
    found = []
    for name in _NAMES:
        for group in groups:
            try:
                place = resolve(facts.files, group.member(name))
                if isinstance(facts.files.item(place), h5py.Dataset):
                    found.append((f"{group.path}/{name}", place))
            except FileFormatError:
                continue
    return found


def mask_shapes(facts: Facts, places: list[tuple[str, Place]]) -> list[Shape]:
    """(slow, fast) of the masks that are of one image."""
    shapes = []
    for _, place in places:
        with guarded(place):
            dims = tuple(map(int, facts.files.item(place).shape or ()))
        if len(dims) >= 2 and math.prod(dims[:-2]) == 1:
            shapes.append((dims[-2], dims[-1]))
    return shapes


def read_mask(
    facts: Facts, places: list[tuple[str, Place]], view: View | None
) -> Mask | None:
    """The pixel mask, (slow, fast), True = bad; what is not used is noted."""
    for path, place in places:
        try:
            return _read(facts, place, view)
        except RecorderError as error:
            facts.note(f"{path} not used: {error}")
    return None


def _read(facts: Facts, place: Place, view: View | None) -> Mask:
    item = facts.files.item(place)
    with guarded(place):
        dims = tuple(map(int, item.shape or ()))
        plain = item.dtype.name in PIXEL_TYPES
    planes = math.prod(dims[:-2])
    if len(dims) < 2 or not 0 < math.prod(dims) <= MAX_FILE_PIXELS:
        raise FileFormatError(f"its shape is {dims}, which is no mask of an image")
    wanted = planes in (1, view.channels if view else 1)
    stacked = view is not None and view.panels
    if view is not None and not stacked and not (wanted and dims[-2:] == view.shape):
        raise FileFormatError(f"{dims}, images are {view.shape}")
    if not wanted and not stacked:
        raise FileFormatError(f"its shape is {dims}, which is no mask of an image")
    values = _planes(facts, place, dims) if plain else _small(facts, place)
    values = np.asarray(values).reshape(planes, dims[-2], dims[-1]) != 0
    if stacked and view is not None:
        found: Mask = values.reshape(-1, dims[-1])
        if found.shape != view.shape:
            raise FileFormatError(f"{dims}, images are {view.shape}")
        return found
    return np.asarray(values[view.channel if view and planes > 1 else 0])


def _planes(facts: Facts, place: Place, dims: tuple[int, ...]) -> Any:
    """By the safe decoders, and from a virtual dataset, too."""
    source = Sources(facts.files).at(place)
    if source.problems:
        raise FileFormatError("; ".join(source.problems))
    if not len(source.written((0,) * max(0, len(dims) - 3))):
        raise FileFormatError("it was never written")
    return [decode(source.payload(lead)) for lead in np.ndindex(dims[:-2])]


def _small(facts: Facts, place: Place) -> Any:
    """Other types (truth values, floats, 64 bits), which only the library reads."""
    item = facts.files.item(place)
    with guarded(place):
        if item.dtype.kind not in "iufb":
            raise FileFormatError(f"it holds {item.dtype}, no numbers")
        filters = item.id.get_create_plist().get_nfilters()
        if item.is_virtual or item.external or (filters and item.compression != "gzip"):
            raise FileFormatError(f"{item.dtype} with these filters is not read")
        if item.chunks and math.prod(item.chunks) > MAX_FILE_PIXELS:
            raise FileFormatError(f"its chunks are {item.chunks}")
        return item[()]


def gaps(facts: Facts, view: View | None) -> Mask | None:
    """Pixels of a virtual dataset that no module gives, (slow, fast)."""
    if view is None or view.panels or not isinstance(view.source, Joined):
        return None
    written = view.written()
    if not len(written):
        return None
    middle = view.middle(view.channel)
    found = view.source.uncovered(int(written[0]), middle)
    if found is not None:
        facts.note(f"{found.sum()} pixels belong to no module: masked")
    return found
