"""Few bytes that decode to many: refused without making room for them.

In a child process, whose memory is measured: decoders allocate beside Python.
"""

from __future__ import annotations

import json
import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cbor2
import lz4.block
import numpy as np
import pytest

from recorder.errors import CorruptImageError
from recorder.records import Payload
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream2 import Stream2Decoder
from recorder.sources.pixels import decode
from tests.builders import bitshuffle_chunk, decoders

ROOT = Path(__file__).parents[2]
BOMB_MB = 200
SHAPE = (512, 512)
"""Half a megabyte of pixels is declared."""
ROOM_KB = 16_000
DECODE = """
import resource, sys
from pathlib import Path
from recorder.errors import CorruptImageError
from recorder.records import Payload
from recorder.sources.pixels import decode
from tests.builders import decoders
chunks = decoders()[sys.argv[1]]
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
payloads = [
    Payload(path.read_bytes(), path.name.split()[0], (512, 512), "<u2")
    for path in map(Path, sys.argv[2:])
]
before = peak()
for payload in payloads:
    try:
        said = str(decode(payload, chunks=chunks).shape)
    except CorruptImageError:
        said = "refused"
    print(peak() - before, said)
"""
ENCODINGS = (
    "gzip",
    "gzip+shuffle",
    "lz4block",
    "lz4",
    "lz4 of one block",
    "bslz4",
    "bszstd",
)
LIARS = ("lz4", "lz4 of one block", "bslz4", "bszstd")
"""Their chunks say how many bytes they become."""


def zeros() -> bytes:
    return bytes(BOMB_MB << 20)


def claiming(size: int, chunk: bytes) -> bytes:
    """A chunk of the HDF5 framing that says that it is small."""
    return struct.pack(">Q", size) + chunk[8:]


def framed_lz4(block: int) -> bytes:
    packed = lz4.block.compress(bytes(block), store_size=False)
    blocks = (BOMB_MB << 20) // block
    head = struct.pack(">QI", BOMB_MB << 20, block)
    return head + (struct.pack(">I", len(packed)) + packed) * blocks


def bomb(encoding: str) -> bytes:
    if encoding.startswith("gzip"):
        return zlib.compress(zeros(), 1)
    if encoding == "lz4block":
        return lz4.block.compress(zeros(), store_size=False)
    if encoding == "lz4":
        return framed_lz4(1 << 20)
    if encoding == "lz4 of one block":
        return framed_lz4(BOMB_MB << 20)
    image = np.zeros((10_240, 10_240), np.uint16)
    return bitshuffle_chunk(image, "lz4" if encoding == "bslz4" else "zstd")


def bombs(folder: Path) -> list[Path]:
    """All of them as files, honest ones and those that say that they are small."""
    paths = []
    for encoding in ENCODINGS:
        data = bomb(encoding)
        paths.append(folder / encoding)
        paths[-1].write_bytes(data)
        if encoding in LIARS:
            (folder / "lies").mkdir(exist_ok=True)
            paths.append(folder / "lies" / encoding)
            paths[-1].write_bytes(claiming(2 * SHAPE[0] * SHAPE[1], data))
    return paths


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return bombs(tmp_path_factory.mktemp("bombs"))


@pytest.mark.slow
@pytest.mark.parametrize("name", decoders())
def test_a_bomb_makes_no_room(paths, name):
    """Nor do all of them, one after the other, in one process."""
    done = subprocess.run(
        [sys.executable, "-c", DECODE, name, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths) == len(ENCODINGS) + len(LIARS)
    for path, line in zip(paths, lines, strict=True):
        grown, said = line.split(" ", 1)
        assert int(grown) < ROOM_KB, path
        # A bitshuffled chunk that lies is read as far as it said, and no further.
        read = path.parent.name == "lies" and path.name in ("bslz4", "bszstd")
        assert said == (str(SHAPE) if read else "refused"), path


@pytest.mark.parametrize("encoding", ["raw", "bslz4", "lz4", "lz4block", "gzip"])
def test_an_image_without_pixels_is_corrupt(encoding):
    """Decoders take "at most 0 bytes" for "as many as there are"."""
    for shape in ((0, 5), (5, 0)):
        with pytest.raises(CorruptImageError, match="no pixels"):
            decode(Payload(zlib.compress(bytes(1000)), encoding, shape, "<u2"))


@pytest.mark.parametrize("shape", [(10**6, 10**6), (2**63, 2**63), (8001, 8000)])
def test_a_declared_shape_makes_no_room(shape):
    meta = {"shape": shape[::-1], "type": "uint32", "encoding": "bs32-lz4<"}
    head = {"htype": "dimage-1.0", "series": 1, "frame": 1}
    parts = [json.dumps(head).encode(), json.dumps(meta).encode(), b"x" * 50]
    packed = cbor2.CBORTag(70, cbor2.CBORTag(56500, ["bslz4", 4, b"x" * 50]))
    array = cbor2.CBORTag(40, [list(shape), packed])
    message = {"type": "image", "series_id": 1, "image_id": 1, "data": {"a": array}}
    start = {"type": "start", "series_id": 1, "pixel_mask": {"a": array}}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    images = [Stream1Decoder("e").decode(parts)]
    images.append(Stream2Decoder("e").decode(cbor2.dumps(message)))
    table = Stream2Decoder("e").decode(cbor2.dumps(start))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < ROOM_KB
    said = [*(image.problem[1] for image in images), table.problems[0]]
    assert all("max_pixels" in text or "impossible shape" in text for text in said), (
        said
    )
