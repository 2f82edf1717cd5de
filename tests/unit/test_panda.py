"""Position capture of a PandABox: bytes in, events out, garbage named."""

from __future__ import annotations

import json
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.config import PandaSection
from recorder.journal.snapshots import pack
from recorder.journal.snapshots_table import unpack_arrays
from recorder.records import BadMessage, EventType, Evidence, TimedEvent
from recorder.records.limits import MAX_CAPTURE_BYTES
from recorder.records.positions import (
    MAX_POSITION,
    POSITIONS,
    positions_of,
    wrong_positions,
)
from recorder.runs.tables.event_arrays import EventArrays
from recorder.runs.tables.event_log import EventLog
from recorder.simulate.timing.panda import FIELDS, LASER_PLACE, SAMPLE
from recorder.sources.control.messages import parse_message
from recorder.sources.dectris.dumps import read_dump
from recorder.sources.panda.decoder import PandaDecoder, PandaError
from tests.recordings import recording

SECTION = PandaSection(name="panda-1", lasers={LASER_PLACE: "pump"})
CAPTURE = recording("panda-pcap") / "pcap-zmq.cbors"
START = "2026-11-23T18:30:00.123456789Z"
START_NS = 1_795_458_600_123_456_789


def header(missed: int = 0, offset: str = "1000", fields=FIELDS) -> bytes:
    inner = "".join(
        f'<field name="{n}" type="{k}" capture="{c}" {more} />\n'
        for n, k, c, more in fields
    )
    return (
        f'<header>\n<data arm_time="{START}" start_time="{START}" '
        f'hw_time_offset_ns="{offset}" missed="{missed}" process="Raw" '
        f'format="Framed" sample_bytes="{SAMPLE.size}" />\n<fields>\n{inner}</fields>\n'
        "</header>\n\n"
    ).encode()


def frame(*samples: tuple[int, int]) -> bytes:
    data = b"".join(SAMPLE.pack(*sample) for sample in samples)
    return b"BIN " + struct.pack("<I", len(data) + 8) + data


def decode(*parts: bytes, section: PandaSection = SECTION) -> list:
    decoder = PandaDecoder(section)
    assert decoder.connect() == b"XML FRAMED RAW\n"
    found = []
    for part in (b"OK\n", *parts):
        for records in decoder.feed(part, 5):
            found += records
    return found


def test_samples_are_captured_triggers_and_bits_are_lasers():
    found = decode(header(), frame((125, 8), (250, 0)), b"END 2 Ok\n")
    xray = [e for e in found if e.type is EventType.XRAY_DETECTION]
    laser = [e for e in found if e.type is EventType.LASER_EXCITATION]
    assert [e.time_ns for e in xray] == [START_NS + 1000 + 1000, START_NS + 1000 + 2000]
    assert [(e.trigger, e.evidence, e.clock) for e in xray] == [
        (0, Evidence.CAPTURED, "panda-1"),
        (1, Evidence.CAPTURED, "panda-1"),
    ]
    assert [(e.trigger, e.evidence, e.value, e.name) for e in laser] == [
        (0, Evidence.MEASURED, 1.0, "pump"),
        (1, Evidence.MEASURED, 0.0, "pump"),
    ]
    log = EventLog()
    for event in found:
        log.add(event)
    rows = log.rows()
    assert (rows.xray.tolist(), rows.laser.tolist()) == ([0, 1], [0])
    assert rows.laser_off.tolist() == [1]


@given(st.lists(st.integers(1, 40), max_size=12))
def test_bytes_may_be_cut_anywhere(cuts):
    whole = header() + frame((1, 0)) + frame((2, 8), (3, 0)) + b"END 3 Ok\n"
    parts, at = [], 0
    for size in cuts:
        parts.append(whole[at : at + size])
        at += size
    assert decode(*parts, whole[at:]) == decode(whole)


def test_a_recorded_capture_gives_each_trigger_once():
    """Real blocks of triggers, in the frames that the box itself sends."""
    messages = [json.loads(part) for (part,) in read_dump(CAPTURE)]
    blocks = [m["triggernumber"] for m in messages if m["message_type"] == "data"]
    frames = [frame(*((int(n) * 125_000, 0) for n in block)) for block in blocks]
    found = decode(header(), *frames, b"END 1500 Ok\n")
    xray = [e for e in found if e.type is EventType.XRAY_DETECTION]
    assert {len(block) for block in blocks} == {14, 15, 16}
    assert [event.trigger for event in xray] == list(range(1500))
    assert {b.time_ns - a.time_ns for a, b in pairwise(xray)} == {1_000_000}


def test_samples_missed_by_a_late_connection_keep_their_numbers():
    found = decode(header(missed=7), frame((1, 0)))
    assert {event.trigger for event in found} == {7}


def test_a_second_capture_has_uids_of_its_own():
    twice = header() + frame((1, 0)) + b"END 1 Ok\n"
    other = twice.replace(b"18:30:00", b"18:31:00")
    uids = [event.uid for event in decode(twice, other)]
    assert len(set(uids)) == len(uids) == 4


@pytest.mark.parametrize("reason", ["Data overrun", "Framing error", "DMA data error"])
def test_an_end_that_lost_triggers_is_said(reason):
    (bad,) = decode(header(), f"END 9 {reason}\n".encode())
    assert isinstance(bad, BadMessage)
    assert bad.kind == "capture_incomplete"
    assert reason in bad.detail


def test_a_capture_without_the_field_says_which_there_are():
    fields = (("COUNTER1.OUT", "uint64", "Value", FIELDS[0][3]), FIELDS[1])
    (bad,) = decode(header(fields=fields), frame((1, 0)))
    assert bad.kind == "capture_fields"
    assert "PCAP.TS_TRIG.Value" in bad.detail
    assert "COUNTER1.OUT.Value" in bad.detail


def test_without_a_start_time_the_clock_has_an_epoch_of_its_own():
    plain = header(offset="").replace(START.encode(), b"")
    found = decode(plain, frame((125, 0)))
    assert found[0].time_ns == 1000


@given(st.binary(min_size=1, max_size=200))
def test_garbage_is_one_error_and_no_crash(garbage):
    try:
        found = decode(header(), garbage)
    except PandaError as error:
        assert "no position capture" in str(error)
    else:
        assert all(isinstance(r, TimedEvent | BadMessage) for r in found)


FIELD = ("PCAP.TS_TRIG", "uint64", "Value")


@pytest.mark.parametrize(
    "spoilt",
    [
        header(fields=((*FIELD, 'scale="inf"'),)),
        header(fields=((*FIELD, 'scale="1e300"'),)),
        header(fields=((*FIELD, 'scale="nan"'),)),
        header(fields=(("PCAP.TS_TRIG", "float64", "Value", 'scale="1e300"'),)),
        header(fields=(("PCAP.TS_TRIG", "(" * 300, "Value", ""),)),
        header(fields=(("PCAP.TS_TRIG", "2-uint64,u4", "Value", ""),)),
        header(fields=(("PCAP.TS_TRIG", "object", "Value", ""),)),
        header(missed=-1),
        header(missed=2**70),
        b"OK\n" * 3 + b"<header>\n<!DOCTYPE a [<!ENTITY b 'c'>]>\n</header>\n",
    ],
    ids=[
        "inf",
        "huge",
        "nan",
        "float",
        "deep",
        "syntax",
        "object",
        "minus",
        "many",
        "entity",
    ],
)
def test_headers_that_no_capture_has_are_one_error(spoilt):
    section = PandaSection(name="panda-1")
    samples = struct.pack("<d", 1e300) * 2
    framed = b"BIN " + struct.pack("<I", len(samples) + 8) + samples
    with pytest.raises(PandaError, match="no position capture"):
        decode(spoilt, framed, section=section)


def test_what_never_becomes_a_frame_is_not_kept_for_ever():
    decoder = PandaDecoder(SECTION)
    decoder.connect()
    list(decoder.feed(b"OK\n" + header() + b"BIN \xff\xff\xff\xff", 5))
    with pytest.raises(PandaError, match="without a whole header or frame"):
        for _ in range(MAX_CAPTURE_BYTES // (1 << 20) + 1):
            list(decoder.feed(bytes(1 << 20), 5))


def test_a_long_arm_time_is_cut(log_events):
    begun = header().replace(START.encode(), b"x" * 10**5)
    event = decode(begun, frame((1, 0)))[0]
    assert len(event.uid) < 100
    assert max(len(str(value)) for value in log_events[0].values()) < 200


def test_each_row_says_of_which_capture_it_is_and_of_which_detector():
    section = PandaSection(name="panda-1", detector="left")
    twice = header() + frame((1, 0)) + b"END 1 Ok\n"
    other = twice.replace(b"18:30:00", b"18:31:00")
    first, second = (event.capture for event in decode(twice, other, section=section))
    assert (first.id, second.id) == (START, START.replace("18:30:00", "18:31:00"))
    assert (first.begun_ns, first.detector) == (5, "left")


def test_a_capture_without_times_has_an_id_all_the_same():
    (event,) = decode(
        header().replace(START.encode(), b""), frame((1, 0)), section=PandaSection()
    )
    assert event.capture.id == "@5"


# -- what the numbers are --------------------------------------------------------------


def timed(
    process: str, kind: str, pack: str, numbers: list[float], **more: str
) -> list:
    """Times of captured numbers, from the capture's start (ns)."""
    words = {"scale": "8e-9", "offset": "0", "units": "s", **more}
    said = " ".join(f'{name}="{word}"' for name, word in words.items())
    fields = (("PCAP.TS_TRIG", kind, "Value", said),)
    begun = header(offset="0", fields=fields).replace(b'"Raw"', f'"{process}"'.encode())
    begun = begun.replace(b'sample_bytes="12"', b'sample_bytes="8"')
    data = struct.pack(f"<{len(numbers)}{pack}", *numbers)
    framed = b"BIN " + struct.pack("<I", len(data) + 8) + data
    return decode(begun, framed, section=PandaSection(name="panda-1"))


def since_start(found: list) -> list[int]:
    return [event.time_ns - START_NS for event in found]


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=20))
def test_seconds_are_not_ticks(ticks):
    """Scaled or raw, and in whatever unit: the same triggers at the same times."""
    expected = [8 * tick for tick in ticks]
    assert since_start(timed("Raw", "uint64", "Q", ticks)) == expected
    assert since_start(timed("Unscaled", "uint64", "Q", ticks)) == expected
    for units, per_s in (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        scale = f"{8e-9 * per_s:.12g}"
        raw = timed("Raw", "uint64", "Q", ticks, units=units, scale=scale)
        assert since_start(raw) == expected
        numbers = [tick * 8e-9 * per_s for tick in ticks]
        scaled = timed("Scaled", "double", "d", numbers, units=units, scale=scale)
        near = zip(since_start(scaled), expected, strict=True)
        assert all(abs(a - b) <= 2 + 1e-15 * b for a, b in near)


def test_the_offset_of_a_field_is_read():
    assert since_start(timed("Raw", "uint64", "Q", [1], offset="2e-6")) == [2008]
    assert since_start(timed("Scaled", "double", "d", [2e-6], offset="2e-6")) == [2000]


@pytest.mark.parametrize(
    ("process", "more", "says"),
    [
        ("Raw", {"units": ""}, "no unit of time; capture PCAP.TS_TRIG.Value"),
        ("Scaled", {"units": "mm"}, "no unit of time"),
        ("Averaged", {}, "let it, or the relay between, send Raw or Scaled"),
        ("None", {}, "send Raw or Scaled"),
    ],
)
def test_numbers_that_are_no_times_are_refused_with_what_to_set(process, more, says):
    (bad,) = timed(process, "uint64", "Q", [1, 2], **more)
    assert bad.kind == "capture_fields"
    assert says in bad.detail


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, -1e300])
def test_a_time_that_is_none_is_one_error(number):
    with pytest.raises(PandaError, match="no position capture"):
        timed("Scaled", "double", "d", [1.0, number])


def test_a_count_beyond_64_bits_of_ns_is_one_error():
    with pytest.raises(PandaError, match="no position capture"):
        timed("Raw", "uint64", "Q", [2**63])


def test_bits_may_come_as_floats():
    fields = (FIELDS[0], ("PCAP.BITS0", "double", "Value", ""))
    begun = header(fields=fields).replace(b'sample_bytes="12"', b'sample_bytes="16"')
    data = struct.pack("<QdQd", 1, 8.0, 2, 0.0)
    framed = b"BIN " + struct.pack("<I", len(data) + 8) + data
    lasers = [e.value for e in decode(begun, framed) if e.name == "pump"]
    assert lasers == [1.0, 0.0]
    wrong = struct.pack("<Qd", 1, float("nan"))
    with pytest.raises(PandaError):
        decode(begun, b"BIN " + struct.pack("<I", len(wrong) + 8) + wrong)


# -- positions -------------------------------------------------------------------------

ENCODERS = (
    (*FIELD, 'scale="8e-09" offset="0" units="s"'),
    ("INENC1.VAL", "int32", "Value", 'scale="0.001" offset="5" units="deg"'),
    ("INENC2.VAL", "int32", "Value", 'scale="1" offset="0" units=""'),
)
ENCODED = struct.Struct("<Qii")
PLACES = {"omega": "INENC1.VAL.Value", "x": "INENC2.VAL.Value"}


def encoded(samples, fields=ENCODERS, process: str = "Raw", **more) -> list:
    """Events of samples: time, and two encoders."""
    begun = header(offset="0", fields=fields).replace(b'"Raw"', f'"{process}"'.encode())
    size = f'sample_bytes="{ENCODED.size}"'.encode()
    begun = begun.replace(b'sample_bytes="12"', size)
    data = b"".join(ENCODED.pack(*sample) for sample in samples)
    framed = b"BIN " + struct.pack("<I", len(data) + 8) + data
    section = PandaSection(**{"name": "panda-1", "positions": PLACES} | more)
    return decode(begun, framed, section=section)


counts = st.integers(-(2**31), 2**31 - 1)


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=5))
def test_encoders_are_positions_by_header_or_setting(pairs):
    samples = [(n, a, b) for n, (a, b) in enumerate(pairs)]
    found = encoded(
        samples, position_scales={"x": -1e-6}, position_offsets={"x": 1, "omega": 2}
    )
    bad = [event for event in found if isinstance(event, BadMessage)]
    events = [event for event in found if isinstance(event, TimedEvent)]
    for event, (a, b) in zip(events, pairs, strict=True):
        where = event.body.get("positions", {})
        omega = a * 0.001 + 7
        assert where.get("omega", omega) == pytest.approx(omega, abs=1e-9)
        assert ("omega" in where) == (abs(omega) <= MAX_POSITION)
        assert where["x"] == pytest.approx(1 - b * 1e-6)
    assert len(bad) == any(abs(a * 0.001 + 7) > MAX_POSITION for a, _ in pairs)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"positions": {"omega": "INENC9.VAL.Value"}}, "has no field INENC9.VAL.Value"),
        ({"positions": {"x": "INENC2.VAL.Value"}}, "set panda.position_scales.x"),
        ({"positions": {"x": "INENC1.VAL.Value"}}, "is in 'deg', which is none of"),
    ],
)
def test_an_axis_that_cannot_be_read_costs_only_itself(change, says):
    bad, *events = encoded([(0, 1, 1), (1, 2, 2)], **change)
    assert bad.kind == "capture_fields"
    assert says in bad.detail
    assert [event.trigger for event in events] == [0, 1]
    assert all(not event.body for event in events)


@pytest.mark.parametrize(
    "change",
    [
        {"positions": {"theta": "INENC1.VAL.Value"}},
        {"positions": {"omega": "INENC1"}},
        {"position_scales": {"phi2": 1}},
        {"position_scales": {"omega": 1e300}},
        {"position_offsets": {"omega": "left"}},
    ],
)
def test_settings_of_positions_are_checked(change):
    with pytest.raises(ValueError, match="position"):
        PandaSection(**change)


def test_positions_follow_their_triggers_through_the_log_and_its_copies():
    found = encoded([(0, 1000, 0), (1, 2000, 0)], positions={"omega": PLACES["omega"]})
    first = EventLog()
    for event in [found[1], *found]:  # late, and one of them twice
        first.add(event)
    second = EventLog()
    for _ in range(2):
        second.extend(EventArrays(**unpack_arrays(pack(first.arrays()))))
    for log in (first, second, second.copy()):
        assert log.positioned == ("omega",)
        numbers, values = log.positions("omega")
        assert numbers.tolist() == [0, 1]
        assert values.tolist() == [6.0, 7.0]
        assert log.positions("x")[0].size == 0


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(POSITIONS), st.text(max_size=3)),
        st.one_of(
            st.floats(),
            st.integers(-(10**9), 10**9),
            st.text(max_size=3),
            st.booleans(),
            st.just(10**400),
        ),
        max_size=4,
    )
)
def test_positions_of_a_message_are_numbers_of_known_axes(said):
    found = positions_of({"positions": said})
    assert set(found) <= set(POSITIONS)
    assert all(abs(value) <= MAX_POSITION for value in found.values())
    for axis in set(said) & set(POSITIONS):
        value = said[axis]
        if type(value) in (int, float) and -MAX_POSITION <= value <= MAX_POSITION:
            assert found[axis] == value
        else:
            assert axis not in found
    assert positions_of({"positions": list(said)}) == {}
    assert bool(wrong_positions({"positions": said})) == (set(found) != set(said))


@pytest.mark.parametrize("said", [{"omega": "left"}, {"theta": 5}, {"x": 1e9}, [1]])
def test_a_message_with_a_wrong_position_counts_without_it(said):
    body = {"uid": "a", "type": "XrayDetection", "time_ns": 5, "trigger": 3}
    body |= {"evidence": "captured", "positions": said}
    event, bad = parse_message("event", json.dumps(body).encode())
    log = EventLog()
    assert log.add(event)
    assert log.positioned == ()
    assert (bad.kind, "not used" in bad.detail) == ("positions", True)
