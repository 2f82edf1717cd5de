"""Results that come with the stream: Jungfraujoch's image and metadata messages."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import BadMessage, Image, ImageClass, Unprocessed, Upstream
from recorder.sources.dectris.stream2 import Stream2Decoder
from recorder.sources.dectris.upstream import read_upstream
from recorder.ssx.classification.upstream import upstream_class

CELL = {"a": 79.1, "b": 79.1, "c": 38.2, "alpha": 90, "beta": 90, "gamma": 90}
ENTRY = {
    "image_id": 4,
    "indexing_result": True,
    "indexing_unit_cell": CELL,
    "spot_count": 40,
    "saturated_pixel_count": 2,
    "bkg_estimate": 1.5,
}


def metadata(*entries: object) -> bytes:
    return cbor2.dumps(
        {
            "type": "metadata",
            "series_id": 7,
            "series_unique_id": "u",
            "images": list(entries),
        }
    )


def test_a_metadata_message_holds_many_images():
    records = Stream2Decoder("j").records(
        metadata(ENTRY, {"image_id": 9, "spot_count": 3}, {"image_id": 12})
    )
    assert [type(record) for record in records] == [Image] * 3
    assert [record.image_id for record in records] == [4, 9, 12]
    assert records[0].key.series_id == 7
    assert records[0].upstream == Upstream(
        True, 40, (79.1, 79.1, 38.2, 90, 90, 90), None, 1.5, None, 2
    )
    assert records[1].upstream == Upstream(False, 3)
    assert records[2].upstream is None
    assert records[2].problem[0] is Unprocessed.UNSUPPORTED
    assert "classify.upstream" in records[2].problem[1]


@pytest.mark.parametrize("images", [None, [], "x", {}])
def test_metadata_without_images_is_refused(images):
    message = cbor2.dumps({"type": "metadata", "series_id": 1, "images": images})
    (record,) = Stream2Decoder("j").records(message)
    assert isinstance(record, BadMessage)
    assert record.kind == "metadata"


def test_bad_entries_do_not_spoil_the_good_ones():
    records = Stream2Decoder("j").records(metadata(5, {"image_id": "x"}, ENTRY))
    assert [type(record) for record in records] == [BadMessage, BadMessage, Image]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Upstream(True, 5), ImageClass.INDEXED),
        (Upstream(False, 8), ImageClass.NON_INDEXED_HIT),
        (Upstream(False, 7), ImageClass.NON_HIT),
        (Upstream(False, None), ImageClass.NON_HIT),
    ],
)
def test_classes(found, verdict):
    outcome = upstream_class(found, 8)
    assert outcome.image_class is verdict
    assert outcome.upstream


def test_the_cell_is_passed_on():
    outcome = upstream_class(read_upstream(ENTRY), 8)
    assert outcome.lattices[0].cell == (79.1, 79.1, 38.2, 90, 90, 90)
    assert outcome.lattices[0].found_by == "upstream"
    assert outcome.saturated_pixels == 2


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=9)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*ENTRY, "spots", "indexing_lattice"]), values))
def test_odd_values_never_raise(body):
    found = read_upstream(body)
    if found is not None:
        upstream_class(found, 8)
