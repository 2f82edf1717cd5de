"""One small function for each input: bytes in; records, or our own errors, out.

Whatever else a target raises is a finding. The same targets are run by hypothesis
(``test_fuzz.py``, with every ``make test``) and by atheris (``make fuzz``).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from cbor2 import CBORTag

from recorder.config import PandaSection, Settings, load_settings
from recorder.config.endpoints import parse_endpoint
from recorder.errors import MAX_QUOTED, BadMessageError, ConfigError, ImageError
from recorder.journal.event_json import event_to_json
from recorder.records import (
    Announcement,
    BadMessage,
    CollectionEnd,
    DetectorInfo,
    Image,
    Payload,
    SeriesEnd,
    SeriesStart,
    TimedEvent,
)
from recorder.records.limits import MAX_IMAGES, MAX_NAME
from recorder.service.record_types import checked
from recorder.simulate.stream.messages import Stream1, Stream2
from recorder.simulate.timing.panda import LASER_PLACE
from recorder.sources import wheel_decoder
from recorder.sources.control.messages import parse_message
from recorder.sources.decoder import DECODER, WHEELS, ChunkDecoder
from recorder.sources.dectris.cbor_arrays import Compressed, MultiDim, Typed
from recorder.sources.dectris.cbor_limits import NEVER
from recorder.sources.dectris.cbor_message import load
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream2 import Stream2Decoder
from recorder.sources.panda.decoder import PandaDecoder, PandaError
from recorder.sources.pixels import decode
from tests.builders import collection, ledger_now, new_run, outcome
from tests.builders import start as series_start
from tests.fuzz.hdf5 import hdf5
from tests.unit.test_panda import frame, header

Target = Callable[[bytes], None]
PART = b"\x00\xff\x00\xff"
"""Between the parts of a multipart message."""
SHAPE = (16, 12)
INFO = DetectorInfo(
    shape=SHAPE,
    dtype="uint16",
    pixel_size=(75e-6, 75e-6),
    distance=0.15,
    beam_center=(5.0, 6.0),
    wavelength=1.0,
    photon_energy=12398.4,
    saturation=60000,
    exposure_time_s=1e-3,
)
PIXELS = np.arange(192, dtype="<u2").reshape(SHAPE)
IMAGE = Payload(PIXELS.tobytes(), "raw", SHAPE, "<u2")
MAX_PIXELS = 1 << 20
ENCODINGS = ("raw", "bslz4", "lz4", "bszstd", "lz4block", "gzip", "gzip+shuffle")
FRAMED = ("bslz4", "lz4", "bszstd")
WHEEL_DECODER = ChunkDecoder(WHEELS, wheel_decoder.decode_into)
TOPICS = ("collection/start", "collection/end", "event")
PANDA = PandaSection(name="panda-1", lasers={LASER_PLACE: "pump"})


# -- what a record may be ----------------------------------------------------------


def _sound_bad(record: BadMessage) -> None:
    assert record.kind.isidentifier()
    assert 0 < len(record.detail) <= MAX_QUOTED


def _sound_start(record: SeriesStart) -> None:
    _sound_series(record.key)
    assert record.expected_images is None or 0 <= record.expected_images <= MAX_IMAGES
    assert all(len(problem) < 2 * MAX_QUOTED for problem in record.problems)
    assert record.recorder_uid is None or len(record.recorder_uid) <= MAX_NAME
    for table in (record.mask, record.flatfield):
        assert table is None or table.ndim == 2


def _sound_series(key: Any) -> None:
    assert 0 <= key.series_id < 2**63
    assert len(key.unique_id) <= 2 * MAX_NAME


def _sound_image(record: Image) -> None:
    assert checked(record) is record
    _sound_series(record.key)
    assert 0 <= record.image_id < 2**63
    for time in (record.start_time_ns, record.stop_time_ns):
        assert time is None or -(2**63) <= time < 2**63
    if record.problem is not None:
        assert len(record.problem[1]) <= MAX_QUOTED
    if record.payload is not None:
        assert record.payload.shape[0] * record.payload.shape[1] <= MAX_PIXELS
        decoded(record.payload)


def _sound_control(record: Any) -> None:
    """The journal can hold it."""
    assert 0 < len(record.uid) <= 2 * MAX_NAME
    assert -(2**63) <= record.time_ns < 2**63
    if isinstance(record, CollectionEnd):
        assert len(record.reason) <= MAX_QUOTED
        return
    body = record.message if isinstance(record, Announcement) else event_to_json(record)
    json.dumps(body, allow_nan=False)


_SOUND: dict[type, Callable[[Any], None]] = {
    BadMessage: _sound_bad,
    SeriesStart: _sound_start,
    SeriesEnd: lambda record: _sound_series(record.key),
    Image: _sound_image,
    Announcement: _sound_control,
    CollectionEnd: _sound_control,
    TimedEvent: _sound_control,
}


def _check(records: Iterable[Any]) -> None:
    for record in records:
        _SOUND[type(record)](record)


def decoded(payload: Payload, chunks: ChunkDecoder = DECODER) -> None:
    """Pixels of the declared shape, or an error that says what is wrong."""
    try:
        assert decode(payload, chunks=chunks).shape == payload.shape
    except ImageError as error:
        assert 0 < len(str(error)) <= MAX_QUOTED


# -- targets -----------------------------------------------------------------------


def stream1(data: bytes) -> None:
    """A multipart message within a series that is known."""
    series = Stream1(4, INFO, 25)
    decoder = Stream1Decoder("e", MAX_PIXELS)
    messages: list[Any] = [series.start(), data.split(PART), series.image(3, IMAGE, 7)]
    _check(decoder.decode(parts) for parts in messages)


def stream1_header(data: bytes) -> None:
    """The JSON of a header: configuration, then (after a mark) an appendix."""
    head = b'{"htype":"dheader-1.0","series":4,"header_detail":"basic"}'
    decoder = Stream1Decoder("e", MAX_PIXELS)
    image = Stream1(4, INFO, 25).image(3, IMAGE, 7)
    _check(decoder.decode(m) for m in ([head, *data.split(PART)], image))


def _same_without_a_copy(message: bytes) -> None:
    """Cutting byte strings out of a message changes nothing of what it says."""
    whole, cut = (_loaded(message, least) for least in (NEVER, 0))
    assert repr(cut) == repr(whole)


def _loaded(message: bytes, least: int) -> Any:
    """The decoded message with bytes for views; for a bad one, what kind of bad."""
    try:
        return _with_bytes(load(memoryview(message), least))
    except BadMessageError as error:
        return error.kind


def _with_bytes(value: Any) -> Any:
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, list | tuple):
        return [_with_bytes(item) for item in value]
    if isinstance(value, dict):
        return [(_with_bytes(k), _with_bytes(v)) for k, v in value.items()]
    if isinstance(value, Compressed | Typed | MultiDim):
        return [_with_bytes(getattr(value, f.name)) for f in fields(value)]
    if isinstance(value, CBORTag):
        return [value.tag, _with_bytes(value.value)]
    return value


def stream2(data: bytes) -> None:
    """A CBOR message within a series that is known."""
    series = Stream2(4, INFO, 25)
    decoder = Stream2Decoder("e", max_pixels=MAX_PIXELS)
    for message in (series.start()[0], data, series.image(3, IMAGE, 7)[0]):
        _check(decoder.records(memoryview(message)))
    _same_without_a_copy(data)


def control(topic: str, data: bytes) -> None:
    """A payload of a control topic."""
    _check(parse_message(topic, data))


def pixels(encoding: str, chunks: ChunkDecoder, data: bytes) -> None:
    """Compressed pixels of each size of pixel."""
    for dtype in ("|u1", ">u2", "<u4"):
        decoded(Payload(data, encoding, SHAPE, dtype), chunks)


def panda(data: bytes) -> None:
    """What a PandABox answers, in two pieces."""
    decoder = PandaDecoder(PANDA)
    decoder.connect()
    try:
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            for records in decoder.feed(piece, 5):
                _check(records)
    except PandaError as error:
        assert 0 < len(str(error)) <= MAX_QUOTED


def panda_rows(data: bytes) -> None:
    """Rows of a capture against the images of a run: whatever they say, it is sealed.

    Lines of JSON: the rows as ``[ticks, bits]``, then the images as ``[image_id, ns]``.
    """
    rows, images = (_pairs(part) for part in (data + b"\n").split(b"\n")[:2])
    decoder = PandaDecoder(PANDA)
    decoder.connect()
    run = new_run(start=series_start(), announcement=collection())
    sent = [(ticks % 2**61, bits % 2**32) for ticks, bits in rows]
    try:
        for records in decoder.feed(b"OK\n" + header() + frame(*sent), 5):
            for record in records:
                assert isinstance(record, TimedEvent)
                run.events.add(record)
    except PandaError as error:
        assert 0 < len(str(error)) <= MAX_QUOTED
    for number, time_ns in images:
        image_id, begun = number % 200, time_ns % 2**62
        if run.images.receive(image_id, begun, begun + 10**6):
            run.images.finish(outcome(image_id, start_ns=begun))
    ledger = ledger_now(run)
    assert ledger.light + ledger.dark + ledger.unknown == ledger.received


def _pairs(line: bytes) -> list[tuple[int, int]]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return []
    items = found[:100] if isinstance(found, list) else []
    pairs = [item for item in items if isinstance(item, list) and len(item) == 2]
    return [(a, b) for a, b in pairs if type(a) is int and type(b) is int]


# -- settings ----------------------------------------------------------------------


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="recorder-fuzz-"))


def _load(path: Path | None) -> None:
    """Settings that can be used, or words for people."""
    try:
        settings = load_settings(path)
    except ConfigError as error:
        assert 0 < len(str(error).encode()) <= 20_000
        assert "\n" not in str(error)
        return
    _sound_settings(settings)


def _sound_settings(settings: Settings) -> None:
    json.loads(settings.model_dump_json())
    for detector in settings.detector:
        assert parse_endpoint(detector.endpoint).scheme in ("tcp", "ipc", "inproc")
    assert settings.ispyb_url
    assert settings.topic_prefix
    settings.unannounced.announcement()


def toml(data: bytes) -> None:
    """A configuration file."""
    path = _folder() / f"{os.getpid()}.toml"
    path.write_bytes(data)
    _load(path)


def environment(data: bytes) -> None:
    """Variables ``NAME=VALUE``, one a line; names get the recorder's prefix."""
    kept = dict(os.environ)
    try:
        for line in data.replace(b"\0", b"").split(b"\n")[:20]:
            name, _, value = line.partition(b"=")
            os.environb[b"RECORDER_" + name] = value
        os.environ.pop("RECORDER_CONFIG", None)
        _load(None)
    finally:
        os.environ.clear()
        os.environ.update(kept)


TARGETS: dict[str, Target] = {
    "stream1": stream1,
    "stream1-header": stream1_header,
    "stream2": stream2,
    **{f"mqtt-{t.replace('/', '-')}": partial(control, t) for t in TOPICS},
    **{f"pixels-{e}": partial(pixels, e, DECODER) for e in ENCODINGS},
    **{f"pixels-wheels-{e}": partial(pixels, e, WHEEL_DECODER) for e in FRAMED},
    "panda": panda,
    "panda-rows": panda_rows,
    "toml": toml,
    "environment": environment,
    "hdf5": hdf5,
}
