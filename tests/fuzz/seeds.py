"""Real messages for each target: what the simulator sends and what was recorded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cbor2
import lz4.block
import numpy as np

from recorder.records import Payload
from recorder.simulate.stream.messages import Stream1, Stream2, array_tag, payload_tag
from recorder.sources.dectris.dumps import read_dump
from tests.builders import EXAMPLE_CHAINS, announcement, bitshuffle_chunk, dumps
from tests.fuzz.targets import IMAGE, INFO, PART, PIXELS, SHAPE
from tests.recordings import recording
from tests.unit.test_panda import frame, header

ROOT = Path(__file__).parents[2]
APPENDIX = {"recorder_uid": "u-1", "inner": '{"recorder_uid": "u-2"}', "list": [1, {}]}
MASK = np.arange(192).reshape(SHAPE) == 5
_EVENT = {"uid": "a1", "type": "LaserExcitation", "time_ns": 1795541400123456789}


def _packed(dtype: str, encoding: str) -> bytes:
    """The pixels in an encoding, as detectors and files have them."""
    array = PIXELS.astype(dtype)
    raw = array.tobytes()
    if encoding in ("bslz4", "bszstd"):
        return bitshuffle_chunk(array, "lz4" if encoding == "bslz4" else "zstd")
    if encoding == "lz4":
        block = lz4.block.compress(raw, store_size=False)
        block = raw if len(block) >= len(raw) else block
        return struct.pack(">QII", len(raw), len(raw), len(block)) + block
    if encoding == "lz4block":
        return lz4.block.compress(raw, store_size=False)
    if encoding == "gzip+shuffle":
        raw = np.frombuffer(raw, np.uint8).reshape(-1, array.itemsize).T.tobytes()
    return zlib.compress(raw) if encoding.startswith("gzip") else raw


def _stream1() -> list[bytes]:
    series = Stream1(4, INFO, 25, appendix=APPENDIX, mask=MASK)
    packed = Payload(_packed("<u2", "bslz4"), "bslz4", SHAPE, "<u2")
    messages: list[Any] = [series.start(), series.end()]
    messages += [[*series.image(3, p, 77), dumps(APPENDIX)] for p in (IMAGE, packed)]
    messages += list(read_dump(recording("micromax-stream1") / "eiger-small.cbors"))[:1]
    return [PART.join(map(bytes, message)) for message in messages]


def _stream1_header() -> list[bytes]:
    parts = Stream1(4, INFO, 25, appendix=APPENDIX).start()
    config, appendix = bytes(parts[1]), bytes(parts[-1])
    return [config, config + PART + appendix, config + PART + b"sample=lysozyme"]


def _stream2() -> list[bytes]:
    series = Stream2(4, INFO, 25, appendix=APPENDIX, mask=MASK)
    packed = Payload(_packed("<u2", "bslz4"), "bslz4", SHAPE, "<u2")
    start = cbor2.loads(series.start()[0])
    start["flatfield"] = {"t": array_tag(np.ones(SHAPE, "<f4"))}
    two = {"a": payload_tag(IMAGE), "b": payload_tag(packed)}
    entry = {
        "image_id": 1,
        "spot_count": 9,
        "indexing_result": True,
        "indexing_unit_cell": [79, 79, 38, 90, 90, 90],
    }
    image = {**cbor2.loads(series.image(3, IMAGE, 77)[0]), **entry, "data": two}
    metadata = {"type": "metadata", "series_id": 4, "images": [entry, {}, 3]}
    messages = [series.start()[0], series.end()[0], series.image(3, packed, 77)[0]]
    return [*map(bytes, messages), *map(cbor2.dumps, (image, metadata, start))]


def _mqtt_start() -> list[bytes]:
    full = announcement(
        unit_cell=[79.1, 79.1, 38.2, 90, 90, 90],
        event_chains=EXAMPLE_CHAINS,
        beam={"wavelength": 1.0},
        detector={"distance": 0.15},
        images=5,
        run=3,
    )
    return [dumps(announcement()), dumps(full), dumps([announcement(), full])]


def _mqtt_end() -> list[bytes]:
    body = {
        "schema": "recorder.collection/1",
        "uid": "u",
        "status": "aborted",
        "time": "2026-11-23T18:30:00.123+01:00",
        "reason": "beam lost",
    }
    return [dumps(body), dumps([body, {**body, "time_ns": 5, "images": 7}])]


def _mqtt_event() -> list[bytes]:
    full = {
        **_EVENT,
        "collection": "3f0c",
        "name": "pump",
        "duration": 1e-8,
        "trigger": 1234,
        "clock": "panda-1",
        "evidence": "measured",
        "value": 0.9,
        "extra": [1, {"a": None}],
    }
    return [dumps(_EVENT), dumps(full), dumps([_EVENT, full, 3])]


def _panda() -> list[bytes]:
    capture = b"OK\n" + header() + frame((125, 8), (250, 0)) + b"END 2 Ok\n"
    return [capture, b"OK\n" + header(missed=7, offset="") + frame((1, 0)), b"OK\n"]


def _panda_rows() -> list[bytes]:
    rows = [[125_000 * n, 8 * (n % 2)] for n in range(30)]
    images = [[n, 10**6 * n] for n in range(28)]
    odd = [[0, 0], [5, 2**33], [3, 8], [2**60, 8]]
    pairs = ((rows, images), (rows[5:], images[:3]), (odd, odd), ([], images))
    return [dumps(a) + b"\n" + dumps(b) for a, b in pairs]


def _toml() -> list[bytes]:
    example = (ROOT / "config" / "recorder.example.toml").read_bytes()
    return [
        b"\xef\xbb\xbf" + example,
        example,
        b'[[detector]]\nname="e"\nendpoint="tcp://[::1]:9"\nbeam_center=[1.0, 2]\n',
        b'[[panda]]\nhost="p"\nlasers={"PCAP.BITS0.Value#3"="pump"}\n',
        b'[detector]\nname="e"\n[mqtt]\nport=1\nprefix="a/b"\n',
        b'timezone="Europe/Paris"\n[ispyb]\nurl="mariadb://u:p@h:1/db"\n',
        b"[runs]\ndrain_s=inf\n[unannounced]\nunit_cell=[1,1,1,90,90,90]\n",
    ]


def _environment() -> list[bytes]:
    return [
        b'DETECTOR=[{"name": "e", "endpoint": "tcp://e:9"}]\nMQTT__PORT=1884',
        b"MQTT__HOST=[::1]\nMQTT={}\nISPYB__URL=sqlite:////a",
        b"DETECTOR=nojson\nBEAMLINE=id29\nTIMEZONE=UTC",
        b"REPLAY__BEAM_CENTER=[1, 2]\nCLASSIFY__GAIN=1.5\nDETECTORS=",
    ]


def _hdf5() -> list[bytes]:
    """A master with a class for every group, its data file, and virtual datasets."""
    shape, whole = [4, 16, 12], [[None], [None], [None]]
    top, low = [[None], [0, 8], [None]], [[None], [8, 16], [None]]
    half = [4, 8, 12]
    common = {
        "x.h5:entry": ["group", "NXentry"],
        "x.h5:entry/data": ["group", "NXdata"],
        "x.h5:entry/i": ["group", "NXinstrument"],
        "x.h5:entry/i/d": ["group", "NXdetector"],
        "x.h5:entry/i/b": ["group", "NXbeam"],
        "x.h5:entry/i/b/incident_wavelength": ["value", [1.0, 1.001]],
        "x.h5:entry/i/d/distance": ["value", 150.0],
        "x.h5:entry/i/d/nimages": ["value", [8]],
        "x.h5:entry/i/d/pixel_mask": ["images", [1, 16, 12], 2, None, [0]],
        "x.h5:entry/i/d/x_pixel_size": ["value", 75e-6],
        "y.h5:a": ["images", shape, 1, [1, 16, 12], [0, 1, 2]],
        "y.h5:b": ["images", half, 1, [2, 5, 7], [0, 1, 2, 3]],
        "y.h5:c": ["images", half, 1, None, [0]],
    }
    linked = {
        "x.h5:entry/data/data_2": ["external", "y.h5", "/a"],
        "x.h5:entry/data/data_10": ["external", "/gone/y.h5", "/a"],
        "y.h5:": ["attribute", "image_nr_low", 1],
    }
    modules = [["y.h5", "b", half, top, whole], ["y.h5", "c", half, low, whole]]
    joined = {"x.h5:entry/data/data": ["virtual", shape, modules]}
    turns = [["y.h5", "a", [2, 16, 12], [[n, 4, 2]], [[None]]] for n in (0, 1)]
    taken = {"x.h5:entry/data/data": ["virtual", shape, turns]}
    soft = {
        "x.h5:real": ["images", [4, 2, 16, 12], 1, [1, 1, 16, 12], [0, 1]],
        "x.h5:entry/data/s": ["soft", "/real"],
        "x.h5:entry/data/data": ["soft", "s"],
        "x.h5:entry/i/up": ["hard", "/entry"],
    }
    return [dumps({**common, **more}) for more in (linked, joined, taken, soft)]


_MAKERS: dict[str, Callable[[], list[bytes]]] = {
    "stream1": _stream1,
    "stream1-header": _stream1_header,
    "stream2": _stream2,
    "mqtt-collection-start": _mqtt_start,
    "mqtt-collection-end": _mqtt_end,
    "mqtt-event": _mqtt_event,
    "panda": _panda,
    "panda-rows": _panda_rows,
    "toml": _toml,
    "environment": _environment,
    "hdf5": _hdf5,
}


@cache
def seeds(target: str) -> list[bytes]:
    """Messages that a target understands."""
    if (maker := _MAKERS.get(target)) is not None:
        return maker()
    encoding = target.removeprefix("pixels-").removeprefix("wheels-")
    return [_packed(dtype, encoding) for dtype in ("|u1", ">u2", "<u4")]
