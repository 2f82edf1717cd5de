"""HDF5 files made of a description, and read: links, shapes, types, attributes.

The input is JSON: objects by path, each a list of what it is. Bytes of a file are not
fuzzed: what the HDF5 library makes of them is not ours. A file that claims more than is
in it must not get memory or time for that.
"""

from __future__ import annotations

import json
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recorder.errors import MAX_QUOTED, FileFormatError
from recorder.records import Image
from recorder.records.limits import MAX_FILE_PIXELS, MAX_IMAGES
from recorder.sources.hdf5.file import Hdf5File

NAMES = ("x.h5", "y.h5")
_MOST = 50
"""Objects that are made, and images that are looked at."""
_TYPES = ("u1", "u2", "u4", "i4", "i8", ">u2", "f8", "?", "S8")
_SHARED = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A folder in memory: files of one input live for milliseconds."""
_LIBRARY = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
)


def write(folder: Path, body: Any) -> Path:
    """Make the files of a description; what cannot be made is left out."""
    files = {name: h5py.File(folder / name, "w") for name in NAMES}
    todo = list(body.items())[:_MOST] if isinstance(body, dict) else []
    try:
        for path, what in todo:
            if not isinstance(what, list) or not what:
                continue
            name, _, inner = str(path).partition(":")
            try:
                _make(files.get(name, files[NAMES[0]]), inner, *what[:6])
            except _LIBRARY:
                continue
    finally:
        for file in files.values():
            file.close()
    return folder / NAMES[0]


def _make(file: Any, path: str, kind: Any, *how: Any) -> None:
    if kind == "soft":
        file[path] = h5py.SoftLink(str(how[0]))
    elif kind == "hard":
        file[path] = file[str(how[0])]
    elif kind == "external":
        file[path] = h5py.ExternalLink(str(how[0]), str(how[1]))
    elif kind == "group":
        file.create_group(path).attrs["NX_class"] = how[0]
    elif kind == "value":
        value = np.asarray(how[0])
        file[path] = value if value.dtype.kind in "biuf" else str(how[0])
    elif kind == "attribute":
        file[path].attrs[str(how[0])] = how[1]
    elif kind == "images":
        _images(file, path, *how)
    elif kind == "virtual":
        _virtual(file, path, *how)


def _images(
    file: Any, path: str, shape: Any, dtype: Any, chunks: Any, written: Any
) -> None:
    options = {} if chunks is None else {"chunks": tuple(chunks), "compression": "gzip"}
    kind = _TYPES[int(dtype) % len(_TYPES)]
    data = file.create_dataset(path, tuple(shape), kind, **options)
    for n in list(written)[:_MOST]:
        if data.size < 10**5 * max(1, len(data)):
            data[n] = n


def _virtual(file: Any, path: str, shape: Any, pieces: Any) -> None:
    layout = h5py.VirtualLayout(tuple(shape), "u2")
    for source, inner, dims, here, there in list(pieces)[:_MOST]:
        virtual = h5py.VirtualSource(str(source), str(inner), tuple(dims))
        layout[_slices(here)] = virtual[_slices(there)]
    file.create_virtual_dataset(path, layout)


def _slices(parts: Any) -> tuple[Any, ...]:
    return tuple(slice(*part) if isinstance(part, list) else part for part in parts)


def hdf5(data: bytes) -> None:
    """A description of two files, of which the first is read."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return
    with tempfile.TemporaryDirectory(dir=_SHARED) as folder:
        path = write(Path(folder), body)
        try:
            source = Hdf5File(path)
            _sound(source)
        except FileFormatError as error:
            assert 0 < len(str(error)) < 8 * MAX_QUOTED


def _sound(source: Hdf5File) -> None:
    start = source.start()
    assert start.expected_images is not None
    assert 0 <= start.expected_images <= MAX_IMAGES
    shape = start.info.shape
    assert shape is None or 0 < shape[0] * shape[1] <= MAX_FILE_PIXELS
    assert start.mask is None or (start.mask.ndim == 2 and start.mask.dtype == bool)
    last = -1
    for image in islice(source.images(start), _MOST):
        assert last < image.image_id < start.expected_images
        last = image.image_id
        _sound_image(image, shape)


def _sound_image(image: Image, shape: tuple[int, int] | None) -> None:
    from tests.fuzz.targets import decoded

    assert (image.payload is None) != (image.problem is None)
    if image.payload is not None:
        assert image.payload.shape == shape
        decoded(image.payload)
    else:
        assert image.problem is not None and len(image.problem[1]) <= MAX_QUOTED + 50
