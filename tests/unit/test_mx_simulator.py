"""The simulator of what is not serial: what it sends is what it says is true."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
import zmq.asyncio
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.cli import cli
from recorder.commands.simulate import TECHNIQUES
from recorder.config import Settings
from recorder.errors import UsageError
from recorder.records import Image, SeriesEnd, SeriesStart
from recorder.runs.read_announcement import read_announcement
from recorder.simulate.mx.absorption import SimulatedEnergyScan
from recorder.simulate.mx.fluorescence import SimulatedSpectrum
from recorder.simulate.mx.grids import SimulatedGrid
from recorder.simulate.mx.mx_run import PLANS, MxRun, parse_plan
from recorder.simulate.mx.mx_simulator import MxSimulator
from recorder.simulate.mx.pictures import mx_geometry, pictures
from recorder.simulate.mx.sweeps import SimulatedSweeps
from recorder.simulate.stills.settings import StillSettings
from recorder.simulate.stream.messages import Stream1, Stream2
from recorder.simulate.timing.faults import parse_faults
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream2 import Stream2Decoder
from tests.laws import examples
from tests.mx_series import tiny_series

DECODERS = {"stream1": Stream1Decoder, "stream2": Stream2Decoder}


class Heard:
    """A broker that keeps what is published."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Any]] = []

    async def publish(self, topic: str, payload: str, qos: int = 0) -> None:
        """Keep one message."""
        self.messages.append((topic.split("/", 2)[2], json.loads(payload)))

    def of(self, topic: str) -> list[Any]:
        """Bodies of a topic."""
        return [body for name, body in self.messages if name == topic]


def sent(run: MxRun) -> tuple[dict[str, Any], Heard, list[Any]]:
    """Simulate a run: its true counts, its control messages, its detector records."""

    async def simulate() -> tuple[dict[str, Any], list[Any]]:
        context = zmq.asyncio.Context()
        taker, giver = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        taker.bind("inproc://detector")
        giver.connect("inproc://detector")
        taken: list[list[bytes]] = []

        async def take() -> None:
            while (parts := await taker.recv_multipart()) != [b"over"]:
                taken.append(parts)

        taking = asyncio.create_task(take())
        try:
            counts = await MxSimulator(Settings(), giver, heard).simulate(run)
            await giver.send_multipart([b"over"])
            await taking
        finally:
            taking.cancel()
            context.destroy(linger=0)
        decoder = DECODERS[run.protocol]("eiger")
        whole = run.protocol == "stream1"
        return counts, [decoder.decode(parts if whole else parts[0]) for parts in taken]

    heard = Heard()
    counts, records = asyncio.run(simulate())
    return counts, heard, records


def truth_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def truth_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("truth") / "truth.jsonl"


SWEEPS = st.builds(
    SimulatedSweeps,
    start=st.floats(-360, 360),
    range=st.sampled_from([0.05, 0.1, -0.1, 1.0, 0.0]),
    images=st.integers(1, 12),
    sweeps=st.integers(1, 4),
    turn=st.sampled_from([90.0, 180.0, -45.0]),
    told=st.sampled_from(["each", "one"]),
    offsets=st.booleans(),
    trigger=st.sampled_from(["sweep", "image"]),
    header=st.sampled_from(["zeros", "values", "wrong", "absent"]),
    captured=st.booleans(),
)
GRIDS = st.builds(
    SimulatedGrid,
    columns=st.integers(1, 6),
    rows=st.integers(1, 5),
    planes=st.integers(1, 2),
    fast=st.sampled_from(["x", "y"]),
    snaked=st.booleans(),
    trigger=st.sampled_from(["line", "plane", "image"]),
    header=st.sampled_from(["zeros", "values", "wrong", "absent"]),
    captured=st.booleans(),
)
FAULTS = st.sampled_from(
    [
        "",
        "lost=0.2,duplicate=0.2,reorder=0.3",
        "missed=0.3",
        "missed_trigger=1",
        "missed_trigger=0,lost=0.1",
        "abort=3",
        "stop=2,missed=0.1",
        "corrupt=0.3",
    ]
)


@settings(max_examples=examples(60))
@given(
    plan=st.one_of(SWEEPS, GRIDS),
    faults=FAULTS,
    protocol=st.sampled_from(["stream1", "stream2"]),
    seed=st.integers(0, 1000),
)
def test_what_is_sent_is_what_is_true(truth_file, plan, faults, protocol, seed):
    technique = "mx-grid" if isinstance(plan, SimulatedGrid) else "mx-rotation"
    run = MxRun(
        *(1, technique, plan, tiny_series(plan)),
        protocol=protocol,
        faults=parse_faults(faults),
        seed=seed,
        speed=1e9,
        truth=truth_file,
    )
    counts, heard, records = sent(run)
    truth = truth_of(truth_file)
    made = [entry for entry in truth if entry["image_id"] is not None]
    assert [entry["image_id"] for entry in made] == list(range(len(made)))
    by_id = {entry["image_id"]: entry for entry in made}
    images = [record for record in records if isinstance(record, Image)]
    here = {entry["image_id"] for entry in made if entry["delivered"]}
    assert {image.image_id for image in images} == here
    for image in images:
        true = by_id[image.image_id]["start_time_ns"]
        assert abs(image.start_time_ns - true) <= 20  # a tick of stream v2
    start = records[0]
    assert isinstance(start, SeriesStart)
    assert not start.problems
    assert start.expected_images == counts["planned"] == plan.exposures(1).size
    check_announced(plan, heard, truth)
    check_captured(plan, heard, truth)
    ends = heard.of("collection/end")
    if run.faults.stop is not None:
        assert ends == []
        assert not isinstance(records[-1], SeriesEnd)
        return
    assert isinstance(records[-1], SeriesEnd)
    assert [end["images"] for end in ends] == [len(made)]
    assert ends[0]["status"] == ("aborted" if "abort" in faults else "success")


def check_announced(plan: Any, heard: Heard, truth: list[dict[str, Any]]) -> None:
    """Each image is where the plan that the recorder reads has it."""
    (body,) = heard.of("collection/start")
    read = read_announcement(body, 0)
    assert not read.problems
    assert read.planned_images == plan.exposures(1).size
    expected = list(itertools.islice(places_of(read), len(truth)))
    assert [
        (entry["wedge"], entry["angle_start"], entry["angle_end"]) for entry in truth
    ] == [(wedge, round(start, 6), round(end, 6)) for wedge, start, end, _ in expected]
    if read.grid is not None:
        cells = [(entry["row"], entry["column"]) for entry in truth]
        assert cells == [cell for *_, cell in expected]


def check_captured(plan: Any, heard: Heard, truth: list[dict[str, Any]]) -> None:
    """The timing hardware saw every exposure that was due, where it truly was."""
    rows = [row for message in heard.of("event") for row in message]
    if not plan.captured:
        assert rows == []
        return
    assert [row["trigger"] for row in rows] == [entry["ordinal"] for entry in truth]
    for row, entry in zip(rows, truth, strict=True):
        found = row["positions"]
        assert found["omega"] == pytest.approx(entry["angle_start"], abs=1e-6)
        if isinstance(plan, SimulatedGrid):
            assert found["x"] == pytest.approx(0.02 * entry["column"])
            assert found["y"] == pytest.approx(0.02 * entry["row"])


def test_an_axis_that_is_off_is_true_and_captured_but_not_announced(truth_file):
    plan = SimulatedSweeps(start=10, images=3, off=1.5, captured=True)
    run = MxRun(
        *(1, "mx-rotation", plan, tiny_series(plan)), speed=1e9, truth=truth_file
    )
    _, heard, _ = sent(run)
    truth = truth_of(truth_file)
    assert [entry["angle_start"] for entry in truth] == [11.5, 11.6, 11.7]
    check_captured(plan, heard, truth)
    assert heard.of("collection/start")[0]["scan"]["sweeps"][0]["start"] == 10


def places_of(read: Any) -> Any:
    """Sweep or plane, angles and cell of each image, as the announcement has them."""
    if read.sweeps is not None:
        for number, sweep in enumerate(read.sweeps.sweeps):
            for k in range(sweep.images):
                at = sweep.start + k * sweep.step
                yield number, at, at + sweep.range, None
        return
    for number, plane in enumerate(read.grid.planes):
        across, along = plane.steps if plane.fast == "x" else plane.steps[::-1]
        for k in range(across * along):
            slow, fast = divmod(k, across)
            if plane.snaked and slow % 2:
                fast = across - 1 - fast
            cell = (slow, fast) if plane.fast == "x" else (fast, slow)
            yield number, plane.angle, plane.angle, cell


@settings(max_examples=examples(40))
@given(
    plan=st.one_of(SWEEPS, GRIDS),
    missed=st.integers(0, 5),
    seed=st.integers(0, 1000),
)
def test_a_missed_trigger_takes_all_its_images_and_no_other(
    truth_file, plan, missed, seed
):
    technique = "mx-grid" if isinstance(plan, SimulatedGrid) else "mx-rotation"
    faults = parse_faults(f"missed_trigger={missed}")
    series = tiny_series(plan)
    run = MxRun(
        *(1, technique, plan, series),
        faults=faults,
        seed=seed,
        speed=1e9,
        truth=truth_file,
    )
    counts, _, records = sent(run)
    gone = Counter(e["trigger"] for e in truth_of(truth_file) if e["image_id"] is None)
    armed = plan.exposures(1).arming
    wanted = {missed: armed.images_per_trigger} if missed < armed.triggers else {}
    assert dict(gone) == wanted
    assert counts["missed"] == sum(wanted.values())
    assert armed.images == counts["planned"]
    assert sum(isinstance(record, Image) for record in records) == counts["expected"]


@given(plan=st.one_of(SWEEPS, GRIDS), period=st.floats(1e-3, 0.1))
def test_a_gap_separates_lines_and_nothing_else(plan, period):
    exposures = plan.exposures(period)
    steps = np.diff(exposures.after_ns) / 1e9
    if isinstance(plan, SimulatedSweeps):
        apart = np.diff(exposures.wedge) > 0
    elif plan.trigger == "plane":
        apart = np.diff(exposures.wedge) > 0
    else:
        lines = exposures.row if plan.fast == "x" else exposures.column
        apart = (np.diff(lines) != 0) | (np.diff(exposures.wedge) > 0)
    assert np.allclose(steps[~apart], period, atol=2e-9)
    assert np.allclose(steps[apart], period + plan.gap, atol=2e-9)


@pytest.mark.parametrize(
    ("header", "omega"),
    [("zeros", (0.0, 0.0)), ("values", (12.5, 0.25)), ("wrong", (22.5, 0.5))],
)
def test_the_header_says_what_is_asked_of_it(header, omega):
    plan = SimulatedSweeps(start=12.5, range=0.25, images=4, sweeps=3, header=header)
    arming, info = plan.exposures(0.01).arming, tiny_series(plan).info
    first = Stream1(1, info, 12, arming=arming, axes=plan.axes).start()
    config = json.loads(first[1])
    assert (config["omega_start"], config["omega_increment"]) == omega
    assert (config["nimages"], config["ntrigger"]) == (4, 3)
    (second,) = Stream2(1, info, 12, arming=arming, axes=plan.axes).start()
    body = cbor2.loads(second)
    found = body["goniometer"]
    assert (found["omega"]["start"], found["omega"]["increment"]) == omega
    assert (body["number_of_images"], "ntrigger" in body) == (12, False)
    for axis in ("chi", "kappa", "phi", "two_theta"):
        assert (config[f"{axis}_start"], config[f"{axis}_increment"]) == (0.0, 0.0)
        assert found[axis] == {"start": 0.0, "increment": 0.0}


def test_a_header_without_a_goniometer_has_no_word_of_it():
    plan = SimulatedSweeps(header="absent")
    info = tiny_series(plan).info
    first = Stream1(1, info, 4, axes=plan.axes).start()
    assert "omega_start" not in json.loads(first[1])
    assert "goniometer" not in cbor2.loads(Stream2(1, info, 4).start()[0])


def test_the_brightest_cells_lie_around_the_crystal():
    plan = SimulatedGrid(planes=2, columns=14, rows=10, crystal=(6.8, 3.7, 5.6))
    shown = plan.exposures(0.01)
    for plane in (0, 1):
        here = (shown.part == plane) & (shown.brightness > 0)
        weight = shown.brightness[here]
        found = [
            float(((places[here] + 0.5) * weight).sum() / weight.sum())
            for places in (shown.column, shown.row)
        ]
        assert found == pytest.approx(plan.centre(plane), abs=0.1)
        assert 0 < here.sum() < 14 * 10 / 3


def test_spots_fall_off_from_the_crystal_outwards():
    plan = SimulatedGrid(columns=9, rows=1, crystal=(4.5, 0.5, 0.5), size=(1.5, 1, 1))
    stills = StillSettings(geometry=mx_geometry(256, 1.8))
    series = pictures(plan.exposures(0.01), stills, 3)
    kinds = [series.frame(n).kind for n in range(9)]
    assert kinds == ["miss" if n in (0, 8) else "hit" for n in range(9)]
    size = [len(series.frame(n).payload.data) for n in range(9)]
    assert size[4] > max(size[0], size[8])


@settings(max_examples=examples(40))
@given(
    element=st.sampled_from([("Se", "K"), ("Fe", "K"), ("Pt", "L3")]),
    shift=st.floats(-5, 5),
    line=st.sampled_from([0.0, 0.5, 1.5]),
    pieces=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_points_of_a_scan_tell_the_planted_edge(element, shift, line, pieces, seed):
    plan = SimulatedEnergyScan(
        *element, shift=shift, white_line=line, pieces=pieces, counts=1e6, point_s=0
    )
    counts, heard, records = sent(MxRun(1, "energy-scan", plan, seed=seed))
    assert records == []
    pieces_sent = heard.of("scan/points")
    assert [len(p["counts"]) for p in pieces_sent] == [
        len(p["energy"]) for p in pieces_sent
    ]
    energies = np.concatenate([p["energy"] for p in pieces_sent])
    found = np.concatenate([p["counts"] for p in pieces_sent]) / np.concatenate(
        [p["monitor"] for p in pieces_sent]
    )
    firsts = [p["first"] for p in pieces_sent]
    assert (
        firsts
        == np.cumsum([0, *map(len, (p["counts"] for p in pieces_sent))])[:-1].tolist()
    )
    assert energies.size == counts["points"] == counts["received"]
    steepest = energies[np.argmax(np.gradient(found))]
    assert abs(steepest - counts["inflection"]) <= 1.0
    (end,) = heard.of("collection/end")
    if not line:
        assert counts["peak"] is None
        assert "peak" not in end["result"]
        return
    assert abs(energies[np.argmax(found)] - counts["peak"]) <= 1.0
    assert end["result"]["peak"]["energy"] == pytest.approx(counts["peak"], abs=0.051)
    assert counts["inflection"] < counts["peak"]


def test_pieces_that_are_lost_are_counted():
    plan = SimulatedEnergyScan(point_s=0, pieces=10)
    run = MxRun(1, "energy-scan", plan, faults=parse_faults("lost=0.4"), seed=2)
    counts, heard, _ = sent(run)
    here = sum(len(piece["counts"]) for piece in heard.of("scan/points"))
    assert counts["lost"] > 0
    assert counts["received"] == here == counts["points"] - counts["lost"]


@settings(max_examples=examples(30))
@given(
    names=st.sets(st.sampled_from(["Fe", "Cu", "Zn", "Pt"]), min_size=1),
    seed=st.integers(0, 1000),
)
def test_a_spectrum_has_a_peak_at_each_planted_line(names, seed):
    plan = SimulatedSpectrum(elements="+".join(sorted(names)), exposure=0)
    counts, heard, _ = sent(MxRun(1, "xrf", plan, seed=seed))
    (message,) = heard.of("spectrum")
    a, b, c = message["calibration"]
    channels = np.arange(len(message["counts"]))
    at, height = a + b * channels + c * channels**2, np.array(message["counts"])
    assert {line["element"] for line in counts["lines"]} == names
    for line in counts["lines"]:
        if line["share"] < 1:
            continue
        near = np.abs(at - line["energy"]) < 400
        centre = (at[near] * height[near]).sum() / height[near].sum()
        assert height[near].max() > 20 * np.median(height)
        assert abs(centre - line["energy"]) < 150


@pytest.mark.parametrize(
    ("technique", "spec", "words"),
    [
        ("mx-rotation", "colour=3", "no such setting of mx-rotation: colour"),
        ("mx-rotation", "images=0", "images: 1 to"),
        ("mx-rotation", "told=pitch,images=2,sweeps=2", "sweeps of one image"),
        ("mx-rotation", "header=perhaps", "header: zeros"),
        ("mx-grid", "rows=0", "at least 1"),
        ("mx-grid", "fast=z", "fast: x, y"),
        ("energy-scan", "element=Xx", "give edge_energy"),
        ("energy-scan", "pieces=1000", "pieces: 1 to"),
        ("xrf", "elements=Fe+Kryptonite", "with + between"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(technique, spec, words):
    with pytest.raises(UsageError, match="plan: ") as refused:
        parse_plan(technique, spec)
    assert words in str(refused.value)


def test_faults_of_lasers_are_none_of_a_rotation():
    with pytest.raises(UsageError, match="misfire: no fault of mx-rotation"):
        MxRun(1, "mx-rotation", SimulatedSweeps(), faults=parse_faults("misfire=0.1"))
    with pytest.raises(UsageError, match="missed: no fault of xrf"):
        MxRun(1, "xrf", SimulatedSpectrum(), faults=parse_faults("missed=0.1"))


def test_every_technique_of_the_command_has_a_plan():
    assert set(TECHNIQUES) == {"ssx", *PLANS}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--technique mx-rotation --images 3", "--images: of serial runs only"),
        ("--technique mx-rotation --laser-every 2", "--laser-every: of serial runs"),
        ("--plan start=3", "--plan is of another --technique"),
        ("--technique energy-scan --no-mqtt", "it needs MQTT"),
        ("--technique xrf --stills zingers=1", "neither stills nor files"),
        ("--technique mx-rotation --plan resolution=0.5", "where the detector ends"),
    ],
)
def test_what_does_not_belong_together_is_refused(arguments, words):
    found = CliRunner().invoke(cli, ["simulate", *arguments.split()])
    assert found.exit_code != 0
    assert words in f"{found.output}{found.exception}"


def test_an_energy_scan_that_is_aborted_ends_with_its_last_message(truth_file):
    plan = SimulatedEnergyScan(point_s=0, pieces=10)
    run = MxRun(
        *(1, "energy-scan", plan), faults=parse_faults("abort=35"), truth=truth_file
    )
    counts, heard, _ = sent(run)
    here = sum(len(piece["counts"]) for piece in heard.of("scan/points"))
    (end,) = heard.of("collection/end")
    assert (end["status"], end["points"], "result" in end) == ("aborted", here, False)
    assert counts["received"] == here == len(truth_of(truth_file)) - 1
    assert 35 <= here < 50
