"""Files that rows name, over py-ISPyB's API: to whom, from where, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.records.access import Scope
from recorder.web.app import make_app
from recorder.web.callers import Caller, Kind
from recorder.web.place import place_of
from recorder.web.pyispyb.file_calls import BLOCK
from recorder.web.pyispyb.root import ROOT
from tests.asgi import Asgi
from tests.people import UserOffice
from tests.pyispyb_rest import caller
from tests.reading import ALL, CONTACT, MEMBER, STAFF, STRANGER, embedded

ATTACHMENTS = f"{ROOT}/datacollections/attachments"
PICTURES = f"{ROOT}/samples/images"
BODY = bytes(range(256)) * (BLOCK // 256 + 3)


@pytest.fixture
def app(settings: Any, tmp_path: Path) -> Iterator[Any]:
    """Files of two proposals, and rows that name them."""
    (tmp_path / "state").mkdir()
    engine = embedded(tmp_path / "state" / "ispyb.sqlite")
    office = UserOffice(engine)
    data = tmp_path / "data"
    for name in ("mx2345", "mx9999"):
        (data / name).mkdir(parents=True)
        for end in ("png", "html", "log", "svg"):
            (data / name / f"a {end}.{end}").write_bytes(BODY)
    (data / "mx2345" / "empty.log").touch()
    mine, theirs = str(data / "mx2345"), str(data / "mx9999")
    for number, (run, path) in enumerate(
        [
            (1, f"{mine}/a png.png"),
            (1, f"{mine}/a html.html"),
            (1, f"{mine}/a log.log"),
            (1, f"{mine}/a svg.svg"),
            (1, f"{theirs}/a png.png"),  # of another proposal
            (1, "/etc/passwd"),
            (1, f"{mine}/none.png"),
            (1, None),
            (1, mine),
            (7, f"{theirs}/a png.png"),  # of a run of mx9999
            (1, f"{mine}/empty.log"),
            (6, f"{mine}/a png.png"),  # of another session
        ],
        1,
    ):
        office.enter(
            r.file_attachment,
            dataCollectionFileAttachmentId=number,
            dataCollectionId=run,
            fileFullPath=path,
        )
    for number, (sample, path) in enumerate(
        [(101, f"{mine}/a png.png"), (101, f"{theirs}/a png.png"), (201, theirs)], 1
    ):
        office.enter(
            p.sample_image,
            blSampleImageId=number,
            blSampleId=sample,
            imageFullPath=path,
        )
    engine.dispose()
    roots = [str(data / "{proposal}")]
    found = make_app(place_of(settings(beamline="id29", web={"file_roots": roots})))
    yield found.inside
    found.pyispyb.close()


def test_a_file_is_what_it_is_and_runs_nowhere(app: Any) -> None:
    asgi = Asgi(app, caller(MEMBER))
    for number, name, kind, where in (
        (1, "a%20png.png", "image/png", "inline"),
        (2, "a%20html.html", "application/octet-stream", "attachment"),
        (3, "a%20log.log", "text/plain; charset=utf-8", "attachment"),
        (4, "a%20svg.svg", "application/octet-stream", "attachment"),
    ):
        found = asgi.get(f"{ATTACHMENTS}/{number}")
        assert (found.status, found.body) == (200, BODY)
        assert found.headers["content-type"] == kind
        assert found.headers["content-length"] == str(len(BODY))
        told = f"{where}; filename*=UTF-8''{name}"
        assert found.headers["content-disposition"] == told
        assert "private" in found.headers["cache-control"]
    found = asgi.get(f"{ATTACHMENTS}/11")
    assert (found.status, found.body) == (200, b"")
    assert asgi.get(f"{PICTURES}/1").body == BODY


def test_who_sees_the_row_gets_its_file_where_it_may_lie(app: Any) -> None:
    for rights, attachments, pictures in (
        (ALL, {1, 2, 3, 4, 10, 11, 12}, {1}),
        (MEMBER, {1, 2, 3, 4, 11, 12}, {1}),
        (CONTACT, {1, 2, 3, 4, 11}, {1}),
        (STAFF, {1, 2, 3, 4, 10, 11}, {1}),
        (STRANGER, set[int](), set[int]()),
    ):
        asgi = Asgi(app, caller(rights))
        for root, numbers, seen in (
            (ATTACHMENTS, range(14), attachments),
            (PICTURES, range(5), pictures),
        ):
            for number in numbers:
                found = asgi.get(f"{root}/{number}")
                wanted = 200 if number in seen else 404
                assert found.status == wanted, (rights.login, root, number)
                if wanted == 404:
                    assert "web.file_roots" in found.json["detail"]
                    assert "/" not in found.json["detail"]


def test_addresses_in_lists_are_those_of_files(app: Any) -> None:
    asgi = Asgi(app, caller(CONTACT))
    for root, seen in ((ATTACHMENTS, 5), (PICTURES, 1)):
        listed = asgi.get(f"{root}?limit=100").json["results"]
        addresses = [one["_metadata"]["url"] for one in listed]
        assert [asgi.get(url).status for url in addresses].count(200) == seen


def test_a_token_that_shows_no_images_shows_no_files(app: Any) -> None:
    few = frozenset({Scope.READ_RUNS, Scope.READ_LIVE})
    asgi = Asgi(app, Caller(Kind.TOKEN, MEMBER, few))
    assert asgi.get(f"{ATTACHMENTS}?limit=1").status == 200
    assert asgi.get(f"{ATTACHMENTS}/1").status == 403
