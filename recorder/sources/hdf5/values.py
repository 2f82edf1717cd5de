"""Single values and attributes of a file, each looked at before it is read."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from recorder.errors import FileFormatError
from recorder.records.limits import MAX_FILE_VALUES, MAX_VALUE_BYTES
from recorder.sources.hdf5.opening import Files, Place, guarded
from recorder.sources.hdf5.units import unit_text


def attribute(item: Any, name: str) -> Any:
    """A small attribute of an object, None if there is none.

    Raises:
        FileFormatError: The library cannot read it.
    """
    with guarded(f"attribute {name}"):
        if name not in item.attrs:
            return None
        found = item.attrs.get_id(name)
        if math.prod(found.shape) * max(1, found.dtype.itemsize) > MAX_VALUE_BYTES:
            return None
        value = item.attrs[name]
    if isinstance(value, np.ndarray):
        return value.reshape(-1)[0] if value.size == 1 else None
    return value


def text_attribute(item: Any, name: str) -> str:
    """An attribute as text, empty if it is none."""
    try:
        value = attribute(item, name)
    except FileFormatError:
        return ""
    return unit_text(value) if isinstance(value, str | bytes) else ""


def read_value(files: Files, place: Place) -> tuple[Any, str] | None:
    """A dataset's value and its unit; None where there is no such small dataset.

    Args:
        files: Where it is opened.
        place: The dataset, its links followed.

    Raises:
        FileFormatError: The library cannot read it, or it is too large to be a value.
    """
    item = files.item(place)
    if not isinstance(item, h5py.Dataset):
        return None
    with guarded(place):
        if item.shape is None or not item.size:
            return None
        _require_small(item, place)
        if item.shape and not item.id.get_storage_size():
            return None  # never written: what it reads as is made up
        return item[()], text_attribute(item, "units")


def _require_small(item: Any, place: Place) -> None:
    size = item.size
    if size > MAX_FILE_VALUES or size * item.dtype.itemsize > MAX_VALUE_BYTES:
        raise FileFormatError(
            f"{place} has {size} values, at most {MAX_FILE_VALUES} are read"
        )
    if item.chunks and math.prod(item.chunks) * item.dtype.itemsize > MAX_VALUE_BYTES:
        raise FileFormatError(f"{place} has chunks of {item.chunks}, too large to read")
    if item.is_virtual or item.external:
        raise FileFormatError(f"{place}: its values lie in other files")


def numbers(value: Any) -> NDArray[np.float64]:
    """The finite numbers of a value, (n,); none if it holds no numbers."""
    try:
        array = np.asarray(value, np.float64).reshape(-1)
    except (TypeError, ValueError):
        return np.empty(0)
    return array[np.isfinite(array)]


def whole(value: Any, most: int) -> int:
    """The first number of a value as a whole one from 0 to ``most``; else 0."""
    found = numbers(value)
    if not found.size or not 0 <= found[0] <= most or found[0] != int(found[0]):
        return 0
    return int(found[0])


def text(value: Any) -> str | None:
    """A value as text, None if it is none or empty."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    return unit_text(value) or None if isinstance(value, str | bytes) else None
