"""What home makes of what nodes report: nothing is lost while nobody takes it yet."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recorder.config import DetectorSection
from recorder.errors import BadMessageError
from recorder.nodes.members import Member
from recorder.nodes.messages import Greeting
from recorder.nodes.pulling.home_side import HomePulling
from recorder.nodes.pulling.reports import (
    IMAGES,
    LINKS,
    RAW,
    numbered,
    pack_body,
    pack_images,
)
from recorder.pool.protocols import Pulls
from recorder.pool.worker_cache import WorkerCache
from recorder.records import DetectorRecord, Image, SeriesKey, SeriesStart

DETECTOR = DetectorSection(
    name="eiger", endpoint="tcp://127.0.0.1:9", pulled_by="nodes"
)
HEADER = {"htype": "dheader-1.0", "series": 1, "header_detail": "none"}
MEMBER = Member(
    b"1", Greeting("a", "b", "1", 1, 2, "3.11", "c"), 7, WorkerCache(2), 0.0, 0.0
)


class Port:
    """Takes records, or not."""

    def __init__(self) -> None:
        self.records: list[DetectorRecord] = []
        self.holds = False

    def put(self, record: DetectorRecord) -> None:
        self.records.append(record)

    def held(self) -> bool:
        return self.holds

    def node_lost(self, node: str, sources: Any, why: str) -> None:
        raise AssertionError


@pytest.fixture
def home() -> HomePulling:
    made = HomePulling(Pulls((DETECTOR,), 1 << 20), lambda identity, message: None)
    made.welcomed(MEMBER)
    made.came(MEMBER, LINKS, pack_body(LINKS, {"eiger": True}), 0.0)
    return made


def report(home: HomePulling, image_id: int) -> None:
    image = Image(SeriesKey("eiger", 1, ""), image_id, None)
    message = pack_images([(image, 0, True)])
    home.came(MEMBER, IMAGES, numbered(message, image_id + 10, 0), 0.0)


def test_what_comes_before_the_daemon_takes_records_waits_for_it(home):
    """It waits seconds for the broker; a header that came meanwhile never comes again.

    Nor is there anything to wake up for until it does.
    """
    header = [json.dumps(HEADER).encode()]
    message = pack_body(RAW, {"source": "eiger"}, *header)
    home.came(MEMBER, RAW, numbered(message, 1, 0), 0.0)
    report(home, 0)
    home.look(10.0)
    assert home.next_at() is None
    port = home.port = Port()
    port.holds = True
    home.look(10.0)
    assert (port.records, home.next_at()) == ([], None)
    port.holds = False
    assert home.next_at() is not None
    home.look(10.0)
    start, image = port.records
    assert isinstance(start, SeriesStart)
    assert isinstance(image, Image)
    assert image.key == start.key
    report(home, 1)
    home.look(10.0)
    assert len(port.records) == 3


def test_a_message_of_a_detector_that_has_no_frames_is_refused(home):
    """Once: it is not to be sent again."""
    message = numbered(pack_body(RAW, {"source": "eiger"}), 1, 0)
    with pytest.raises(BadMessageError, match="no frames"):
        home.came(MEMBER, RAW, message, 0.0)
    home.came(MEMBER, RAW, message, 0.0)
