"""The targets of ``make fuzz`` for a moment each, with hypothesis."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recorder.records import BadMessage, Payload
from recorder.sources.control.messages import parse_message
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream2 import Stream2Decoder
from recorder.sources.pixels import decode
from tests.fuzz.mutations import mutation
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import ENCODINGS, PART, PIXELS, SHAPE, TARGETS, TOPICS

TRIES = 15
"""Messages of each example: making one costs less than an example of hypothesis."""
SLOW = {"hdf5": 1}
"""Messages of each example where each of them is files that are written and read."""
quick = settings(suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", TARGETS)
@quick
@given(st.integers(0, 2**32))
def test_real_messages_made_wrong(name, seed):
    random = Random(seed)
    for _ in range(SLOW.get(name, TRIES)):
        message = random.choice(seeds(name))
        for _ in range(random.randint(1, 3)):
            message = mutation(name)(message, random)
        TARGETS[name](message)


@pytest.mark.parametrize("name", TARGETS)
@quick
@given(st.binary(max_size=400))
@example(b"")
def test_any_bytes(name, message):
    TARGETS[name](message)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_pass(name):
    for message in seeds(name):
        TARGETS[name](message)


def test_seeds_of_the_messages_are_understood():
    """A target that refuses its own seeds would find nothing behind the refusal."""
    records = [Stream1Decoder("e").decode(m.split(PART)) for m in seeds("stream1")]
    records += [Stream2Decoder("e").records(m)[0] for m in seeds("stream2")]
    for topic in TOPICS:
        for message in seeds(f"mqtt-{topic.replace('/', '-')}"):
            records.append(parse_message(topic, message)[0])
    assert not [record for record in records if isinstance(record, BadMessage)]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_seeds_of_the_pixels_decode(encoding):
    for dtype, seed in zip(
        ("|u1", ">u2", "<u4"), seeds(f"pixels-{encoding}"), strict=True
    ):
        found = decode(Payload(seed, encoding, SHAPE, dtype))
        assert np.array_equal(found, PIXELS)
