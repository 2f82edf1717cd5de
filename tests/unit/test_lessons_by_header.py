"""The same detector has the same timetable, however its header comes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import h5py
import numpy as np
import pytest

from recorder.classifying.dispatch import Dispatch
from recorder.classifying.timetable import Timetable
from recorder.config import Settings
from recorder.journal import Journal
from recorder.journal.writer import JournalWriter
from recorder.live.runs import LiveRuns
from recorder.pool.pool import Pool
from recorder.records import DetectorInfo, SeriesStart
from recorder.simulate.stream.messages import Stream1, Stream2
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream2 import Stream2Decoder
from tests.builders import SHAPE, image, new_run, start
from tests.hdf5_files import describe, nexus, read, stack


def by_stream1(info: DetectorInfo, folder) -> SeriesStart:
    return Stream1Decoder("e").decode(Stream1(4, info, 25).start())


def by_stream2(info: DetectorInfo, folder) -> SeriesStart:
    return Stream2Decoder("e").records(Stream2(4, info, 25).start()[0])[0]


def by_file(info: DetectorInfo, folder, dtype: str = "f4", unit: float = 1.0):
    path = folder / f"{dtype}{unit}.h5"
    with h5py.File(path, "w") as file:
        groups = nexus(file)
        describe(groups)
        groups["data"].create_dataset("data", data=stack(4), chunks=(1, 30, 41))
        value = np.array(info.frame_time_s * unit, dtype)
        groups["detector"]["frame_time"] = value
        groups["detector"]["frame_time"].attrs["units"] = {1.0: "s", 1e3: "ms"}[unit]
    return read(path)[0].start()


@pytest.mark.parametrize("rate_hz", [10, 133, 256, 500, 512, 1000, 2000, 2068, 4500])
def test_a_file_and_both_streams_say_the_same(tmp_path, rate_hz):
    info = DetectorInfo(
        shape=SHAPE,
        dtype="uint16",
        wavelength=1.0,
        pixel_size=(75e-6, 75e-6),
        frame_time_s=1 / rate_hz,
        exposure_time_s=1e-5,
    )
    ways = (
        by_stream1,
        by_stream2,
        by_file,
        partial(by_file, dtype="f8"),
        partial(by_file, unit=1e3),
    )
    made = {Timetable.of(way(info, tmp_path).info) for way in ways}
    assert made == {Timetable.of(info)}


@pytest.mark.parametrize(("rate_hz", "period"), [(None, 512), (100, 512), (1000, 2048)])
def test_a_run_learns_by_the_rate_of_its_header(tmp_path, rate_hz, period):
    pool = Pool(0)
    journal = Journal(tmp_path / "journal.sqlite")
    writer = JournalWriter(journal, lambda: None, 1000)
    settings = Settings(pool={"workers": 0}, mqtt={"enabled": False})
    dispatch = Dispatch(settings, pool, writer, LiveRuns(lambda: 0))
    header = start()
    if rate_hz:
        info = replace(header.info, frame_time_s=1 / rate_hz)
        header = replace(header, info=info)
    run = new_run(start=header, key=header.key)
    offered: list[int] = []
    offer = pool.offer

    def noted(*arguments, learned, **more):
        offered.append(learned)
        return offer(*arguments, learned=learned, **more)

    pool.offer = noted
    ids = [0, 1, 2, 300, 800, 1700, 2100, 4000]
    for image_id in ids:
        run.images.receive(image_id, None)
        dispatch.classify(run, image(image_id), wait=True)
    journal.close()
    times = Timetable(period)
    assert offered == [times.state_of(image_id) for image_id in ids]
