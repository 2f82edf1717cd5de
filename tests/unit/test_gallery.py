"""Which images are drawn, and what the live folder then has."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.live.gallery import Gallery, ImageViewer
from recorder.live.picture_files import PictureFiles
from recorder.live.wishes import INTERVAL_S, MOST_SHARE, Wishes
from recorder.records import Classification, ImageClass, Unprocessed
from recorder.records.pictures import NOTHING_SHOWN, PICTURES, Picture, Shown, Wish, met
from recorder.ssx.preview.spot_sums import MARK
from tests.builders import new_run
from tests.disks import fill, small_disk

SHAPE = (40, 30)
WITH_INDEXED = ("last", "hit", "indexed")
PICTURE = Picture(b"png", {"outcome": "indexed", "spots": []})


def spots(*blocks: int) -> bytes:
    return np.array([(block, 7, 100) for block in blocks], MARK).tobytes()


# -- wishes ----------------------------------------------------------------------------


@pytest.mark.parametrize("cost_s", [0.0, 0.007, 0.1])
@pytest.mark.parametrize(("rate_hz", "in_flight"), [(100, 6), (925, 48), (10, 3)])
@pytest.mark.parametrize("hit_share", [0.0, 0.02, 0.3, 1.0])
def test_of_each_kind_one_a_second_whatever_comes(
    rate_hz, in_flight, hit_share, cost_s
):
    rng = np.random.default_rng(2)
    wishes, seconds = Wishes(), 30
    out: deque[int] = deque()
    pictures: Counter[int] = Counter()
    drawn = 0
    for n in range(seconds * rate_hz):
        now = n / rate_hz
        out.append(wishes.ask(now))
        if len(out) < in_flight:
            continue
        wish = out.popleft()
        hit, indexed = rng.random(2)
        kind = ImageClass.NON_HIT
        if hit < hit_share:
            solved = indexed < 0.7
            kind = ImageClass.INDEXED if solved else ImageClass.NON_INDEXED_HIT
        if due := met(wish, kind) & ~Wish.MARKS:
            drawn += 1
            shows = met(Wish.INDEXED | Wish.UNINDEXED, kind)
            pictures.update(one for one in PICTURES if one & (due | shows))
        wishes.give_back(wish, kind, now, cost_s if due else None)
    pause = max(INTERVAL_S, cost_s * len(PICTURES) / MOST_SHARE)
    most = seconds / pause
    assert drawn <= len(PICTURES) * (most + 1) + in_flight / 8
    assert pictures[Wish.LAST] >= 0.8 * most - 1
    for kind in PICTURES:
        assert pictures[kind] <= 2 * most + in_flight / 4 + 2  # some are of the last
    if hit_share * rate_hz >= 10:
        for kind in PICTURES:
            assert pictures[kind] >= 0.6 * most - 1


@given(st.lists(st.sampled_from([None, *ImageClass]), max_size=300), st.integers(1, 60))
def test_wishes_that_came_back_can_be_asked_again(kinds, in_flight):
    """None is lost with an image that was not classified."""
    wishes, out = Wishes(), deque()
    for n, kind in enumerate(kinds):
        out.append(wishes.ask(n / 50))
        if len(out) >= in_flight:
            wishes.give_back(out.popleft(), kind, n / 50)
    for wish in out:
        wishes.give_back(wish, None, len(kinds))
    everything = Wish.MARKS | Wish.LAST | Wish.INDEXED | Wish.UNINDEXED
    assert wishes.ask(1e9) == everything


# -- the gallery -----------------------------------------------------------------------


def shown_to(viewer: ImageViewer, kind: ImageClass, marks: bytes = b"") -> int:
    """Play the worker."""
    wish = viewer.wish()
    due = met(wish, kind)
    picture = PICTURE if due & ~Wish.MARKS else None
    found = Classification(kind, spots=12, resolution=1.9)
    viewer.shown(found, Shown(SHAPE, marks, picture))
    return wish


async def written(gallery: Gallery) -> None:
    await gallery._write(last=True)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def read(folder: Path, name: str):
    return json.loads((folder / name).read_text())


async def test_pictures_name_their_run_and_lie_in_the_folder(tmp_path):
    folder = tmp_path / "live"
    gallery = Gallery(folder)
    run = new_run("uid-a", 4)
    shown_to(gallery.viewer(run, 17), ImageClass.INDEXED, spots(0, 0, 5))
    assert gallery.previews == ()  # none that nobody can read yet
    await written(gallery)
    assert [(p.which, p.run, p.uid, p.image_id) for p in gallery.previews] == [
        (which, 4, "uid-a", 17) for which in WITH_INDEXED
    ]
    assert names(folder) == {
        *(f"preview-{w}.{e}" for w in WITH_INDEXED for e in ("png", "json")),
        *("powder.png", "powder.json", "peakogram.json"),
    }
    for preview in gallery.previews:
        body = read(folder, f"preview-{preview.which}.json")
        assert (body["run"], body["uid"], body["image_id"]) == (4, "uid-a", 17)
        assert body["serial"] == preview.serial
        assert body["outcome"] == "indexed"
    assert (preview.spots, preview.resolution) == (12, 1.9)
    assert (folder / "preview-hit.png").read_bytes() == PICTURE.png
    assert oct((folder / "preview-hit.png").stat().st_mode & 0o777) == "0o640"
    assert oct(folder.stat().st_mode & 0o777) == "0o750"
    powder, peakogram = read(folder, "powder.json"), read(folder, "peakogram.json")
    assert (powder["run"], powder["hits"]) == (peakogram["run"], 1) == (4, 1)
    counts = np.array(peakogram["counts"])
    assert counts.sum() == 3
    edges = len(peakogram["resolution_edges"]), len(peakogram["intensity_edges"])
    assert counts.shape == (edges[0] - 1, edges[1] - 1)
    grey = imagecodecs.png_decode((folder / "powder.png").read_bytes())
    assert grey.shape == (powder["height"], powder["width"], 3)
    await gallery.close()


@pytest.mark.parametrize("numbers", [(1, 2), (7, 1), (3, 3)])
@pytest.mark.parametrize("opened", [(1, 2), (2, 1)])
async def test_serials_grow_and_a_new_run_begins_its_own_sums(
    tmp_path, numbers, opened
):
    """Another experiment numbers its runs anew; runs may begin in any order."""
    gallery = Gallery(tmp_path)
    first, second = (
        new_run(uid, number, opened_ns, bound_at=bound_at)
        for uid, number, opened_ns, bound_at in zip(
            "ab", numbers, opened, (10.0, 20.0), strict=True
        )
    )
    shown_to(gallery.viewer(first, 3), ImageClass.NON_INDEXED_HIT, spots(1, 2))
    await written(gallery)
    before = {p.which: p.serial for p in gallery.previews}
    gallery._wishes = Wishes()  # a second later
    shown_to(gallery.viewer(second, 0), ImageClass.NON_INDEXED_HIT, spots(3))
    # a late image of the first run takes nothing away
    shown_to(gallery.viewer(first, 4), ImageClass.NON_INDEXED_HIT, spots(1))
    await written(gallery)
    after = {p.which: (p.serial, p.uid) for p in gallery.previews}
    assert after.keys() == {"last", "hit", "unindexed"}
    assert {uid for _, uid in after.values()} == {"b"}
    assert all(after[which][0] > serial for which, serial in before.items())
    assert read(tmp_path, "powder.json")["uid"] == "b"
    assert np.sum(read(tmp_path, "peakogram.json")["counts"]) == 1
    await gallery.close()


async def test_a_late_hit_of_a_run_that_was_forgotten_takes_nothing_away(tmp_path):
    gallery = Gallery(tmp_path)
    runs = [new_run(uid, 1, n, bound_at=float(n)) for n, uid in enumerate("abc")]
    for run in runs:
        shown_to(gallery.viewer(run, 0), ImageClass.INDEXED, spots(1))
        await written(gallery)
    for run in (runs[0], runs[1], runs[2], runs[0]):
        shown_to(gallery.viewer(run, 1), ImageClass.INDEXED, spots(1))
        await written(gallery)
        found = read(tmp_path, "powder.json")
        assert found["uid"] == "c"
    assert found["hits"] == 2
    await gallery.close()


async def test_spots_are_kept_without_pictures(tmp_path):
    """All hits are in the sums; a few have a picture."""
    gallery, run = Gallery(tmp_path), new_run("a", 1)
    for n in range(50):
        shown_to(gallery.viewer(run, n), ImageClass.INDEXED, spots(n % 7, 3))
    await written(gallery)
    assert read(tmp_path, "powder.json")["hits"] == 50
    assert np.sum(read(tmp_path, "peakogram.json")["counts"]) == 100
    assert gallery.previews[0].image_id == 0
    await gallery.close()


def test_nobody_looks_where_pictures_are_off(tmp_path):
    assert Gallery(tmp_path, wanted=False).viewer(new_run(), 0) is None


async def test_an_image_that_is_tried_again_is_asked_for_again(tmp_path):
    gallery, run = Gallery(tmp_path), new_run()
    viewer = gallery.viewer(run, 0)
    assert Wish.LAST & viewer.wish()
    assert not Wish.LAST & gallery.viewer(run, 1).wish()  # one is enough
    assert Wish.LAST & viewer.wish()  # its worker died
    viewer.shown((Unprocessed.WORKER_LOST, "twice"), NOTHING_SHOWN)
    assert Wish.LAST & gallery.viewer(run, 2).wish()
    await written(gallery)
    assert gallery.previews == ()
    await gallery.close()


async def test_a_full_disk_is_said_once_and_pictures_come_back(tmp_path, log_events):
    run = new_run()
    with small_disk(tmp_path / "live", 1) as folder:
        gallery = Gallery(folder)
        filler = fill(folder)
        for n in range(3):
            gallery._wishes = Wishes()
            shown_to(gallery.viewer(run, n), ImageClass.INDEXED, spots(1))
            await written(gallery)
        said = [e for e in log_events if e["event"] == "pictures_not_written"]
        assert len(said) == 1
        assert said[0]["path"] == str(folder)
        assert gallery.previews == ()
        filler.unlink()
        gallery._wishes = Wishes()
        shown_to(gallery.viewer(run, 9), ImageClass.INDEXED, spots(1))
        await written(gallery)
        assert {p.image_id for p in gallery.previews} == {9}
        assert read(folder, "powder.json")["hits"] == 4  # nothing was forgotten
        await gallery.close()


async def test_a_folder_that_is_gone_is_made_again(tmp_path):
    folder = tmp_path / "live"
    gallery, run = Gallery(folder), new_run()
    for n in range(2):
        gallery._wishes = Wishes()
        shown_to(gallery.viewer(run, n), ImageClass.INDEXED)
        await written(gallery)
        assert "preview-hit.png" in names(folder)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    await gallery.close()


async def test_a_disk_that_hangs_stops_nobody(tmp_path, monkeypatch):
    """The event loop goes on, and what waits is bounded."""
    monkeypatch.setattr("recorder.live.gallery.CLOSE_S", 0.05)
    monkeypatch.setattr("recorder.live.gallery.MOST_BYTES", 1000)
    started, release = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(*_: object) -> set[object]:
        loop.call_soon_threadsafe(started.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return set()

    gallery, run = Gallery(tmp_path), new_run()
    monkeypatch.setattr(PictureFiles, "write", hang)
    task = asyncio.create_task(gallery.run())
    shown_to(gallery.viewer(run, 0), ImageClass.INDEXED, spots(1))
    async with asyncio.timeout(120):
        await started.wait()
    for n in range(1000):
        shown_to(gallery.viewer(run, n), ImageClass.INDEXED, spots(1, 2, 3))
    assert gallery._waiting.bytes <= 1000
    task.cancel()
    await gallery.close()
    release.set()
