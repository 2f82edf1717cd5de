"""What a plug-in hands over is what its type says, or is refused by name."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from recorder.records import (
    BadMessage,
    DetectorInfo,
    Image,
    SeriesEnd,
    SeriesStart,
    TimedEvent,
    Upstream,
)
from recorder.service.port import CheckedPort, Port
from recorder.service.record_types import KIND, checked
from tests.builders import announced, announcement, collection_end, end, event, image
from tests.builders import start as series_start

RECORDS: list[Any] = [
    series_start(),
    image(3),
    replace(image(4), upstream=Upstream(indexed=True, resolution=2.0)),
    end(),
    announced(announcement(images=10, beam={"wavelength": 1.0})),
    collection_end(),
    event("XrayDetection", 3),
    BadMessage("mqtt", "json", "no JSON"),
]
WRONG: dict[type, tuple[Any, ...]] = {
    int: (np.int64(5), 2**63, -(2**63) - 1, True, False, 1.5, 0.0, "5", "", b"5", None),
    str: (5, 0, b"text", b"", "\ud800", False, None),
    float: ("1", "", float("nan"), float("inf"), True, False, 1j, None),
    bool: (1, 0, "yes", "", None),
}


def wrong_values() -> list[tuple[Any, str, Any]]:
    """Each plain field of each record with each wrong value."""
    found = []
    for record in RECORDS[:-1]:
        hints = get_type_hints(type(record))
        for item in fields(record):
            hint = hints[item.name]
            union = get_origin(hint) in (Union, UnionType)
            members = get_args(hint) if union else (hint,)
            optional = type(None) in members
            for plain in set(members) & set(WRONG):
                found += [
                    (record, item.name, value)
                    for value in WRONG[plain]
                    if not (optional and value is None)
                ]
    return found


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_what_is_well_passes_as_it_is(record):
    assert checked(record) is record


def test_each_wrong_value_is_refused_by_its_name():
    cases = wrong_values()
    assert {type(record).__name__ for record, _, _ in cases} >= {
        "SeriesStart",
        "Image",
        "TimedEvent",
        "CollectionEnd",
        "Announcement",
    }
    for record, name, value in cases:
        found = checked(replace(record, **{name: value}))
        assert isinstance(found, BadMessage), (type(record), name, value)
        assert found.kind == KIND
        assert found.detail.startswith(f"{type(record).__name__}.{name}: ")
        assert type(found.received_ns) is int


def test_a_wrong_key_is_refused():
    for name, value in (("series_id", np.int64(1)), ("unique_id", None)):
        key = replace(image(1).key, **{name: value})
        for record in (image(1), end(), series_start()):
            found = checked(replace(record, key=key))
            assert isinstance(found, BadMessage)
            assert f"key: {name}: " in found.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("distance", float("nan")),
        ("beam_center", (1.0, None)),
        ("shape", (np.int64(5), 5)),
        ("description", 5),
        ("nframes_sum", 2.0),
    ],
)
def test_a_header_goes_on_without_a_wrong_value(name, value):
    sent = series_start()
    found = checked(replace(sent, info=replace(sent.info, **{name: value})))
    assert isinstance(found, SeriesStart)
    assert found.info == replace(sent.info, **{name: None})
    (problem,) = found.problems
    assert problem.startswith(f"{name} is left out: ")


ANALYSIS = Upstream(
    indexed=True,
    spots=30,
    cell=(1.0, 2.0, 3.0, 90.0, 90.0, 90.0),
    vectors=tuple(map(float, range(9))),
    background=1.0,
    resolution=2.0,
    saturated_pixels=3,
)


@pytest.mark.parametrize("name", [item.name for item in fields(Upstream)])
def test_an_image_goes_on_without_a_wrong_analysis(name):
    good = replace(image(1), upstream=ANALYSIS)
    assert checked(good) is good
    plain = get_args(get_type_hints(Upstream)[name]) or (type(getattr(ANALYSIS, name)),)
    optional = type(None) in plain
    others = ((1.0, None), [1.0], 5)
    kinds = [of for of in plain if of is not type(None)]
    wrong = [value for of in kinds for value in WRONG.get(of, others)]
    for value in wrong:
        if value is None and optional:
            continue
        bad = replace(image(1), upstream=replace(ANALYSIS, **{name: value}))
        found = checked(bad)
        assert isinstance(found, Image)
        assert (found.upstream, found.image_id) == (None, 1), value


def test_a_number_of_numpy_describes_as_well_as_another():
    info = DetectorInfo(distance=np.float32(0.5))
    sent = replace(series_start(), info=info)
    assert checked(sent) is sent


async def test_the_port_checks_all_that_comes():
    taken: list[Any] = []

    class Taker:
        def feed(self, record):
            taken.append(record)

        def feed_control(self, records, acknowledge=None):
            taken.extend(records)

    port = CheckedPort(Port(Taker(), 1 << 20, lambda: False))
    timed = event("XrayDetection", 3)
    assert isinstance(timed, TimedEvent)
    port.feed_control([replace(timed, time_ns=np.int64(1)), timed])
    assert [type(record) for record in taken] == [BadMessage, TimedEvent]
    taken.clear()
    port.put(replace(image(1), image_id=np.int64(1)))
    port.put(end())
    await asyncio.sleep(0)
    assert [type(record) for record in taken] == [BadMessage, SeriesEnd]


@pytest.mark.parametrize("value", [None, 5, "key", image(1)])
def test_a_part_of_another_kind_is_refused_or_left_out(value):
    for record in (image(1), end(), series_start()):
        assert isinstance(checked(replace(record, key=value)), BadMessage)
    assert isinstance(checked(replace(series_start(), info=value)), BadMessage)
    found = checked(replace(image(1), upstream=value))
    assert isinstance(found, Image) and found.upstream is None
