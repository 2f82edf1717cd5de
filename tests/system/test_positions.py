"""Captured encoders end to end: wells and angles are where the axes really were."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import h5py

from recorder.journal import Journal
from recorder.records import Json
from recorder.reports.explain import explain_image
from recorder.simulate.stills.render import StillSettings, default_geometry
from recorder.simulate.stream.chip import SimulatedChip
from recorder.simulate.stream.connections import detector_socket, timing_broker
from recorder.simulate.stream.experiment import Simulator
from recorder.simulate.stream.series import synthetic_series
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.timing.faults import parse_faults
from recorder.simulate.timing.panda import Encoder, panda_server
from tests.servers import free_port
from tests.system.beamline import make_beamline, wait_sealed

PLACE = ("block", "row", "column")
STEP = 0.125
GAP = 0.5
"""mm between two wells of a block, and between the last one of a block and the next."""


@dataclass(frozen=True, slots=True)
class StagedChip(SimulatedChip):
    """A chip whose announcement says where its wells are on the stage."""

    @property
    def announced(self) -> Json:
        """The walk, and the stage; y counts down."""
        size = (self.columns - 1) * STEP + GAP, (self.rows - 1) * STEP + GAP
        stage = {"origin": [3.0, -1.0], "step": [STEP, -STEP]}
        stage["block_step"] = [size[0], -size[1]]
        return {**SimulatedChip.announced.fget(self), "stage": stage}

    def place(self, trigger: int) -> tuple[float, float]:
        """x and y (mm) of the stage at a trigger."""
        step = self.walk(trigger + 1)[trigger]
        if step is None:
            return -50.0, -50.0
        block, row, column = step
        down, across = divmod(block, self.across)
        x = 3.0 + across * ((self.columns - 1) * STEP + GAP) + column * STEP
        return x, -1.0 - down * ((self.rows - 1) * STEP + GAP) - row * STEP


async def simulated(beamline, port, chip, series, truth):
    """A run over a chip whose timing hardware captures omega, x and y."""
    encoders = (
        Encoder("INENC1.VAL", "deg", 1e-4, lambda n: 184.32 + 0.05 * n),
        Encoder("INENC2.VAL", "um", 0.1, lambda n: 1000 * chip.place(n)[0]),
        Encoder("INENC3.VAL", "um", 0.1, lambda n: 1000 * chip.place(n)[1]),
    )
    async with (
        panda_server(port, encoders) as panda,
        detector_socket(beamline.endpoint) as socket,
        timing_broker(beamline.settings) as broker,
    ):
        async with asyncio.timeout(120):
            await panda.connected.wait()
        simulator = Simulator(beamline.settings, socket, broker, panda=panda)
        plan = SimulatedRun(
            number=1,
            images=chip.triggers,
            rate_hz=200.0,
            chip=chip,
            truth=truth,
            faults=parse_faults("lost=0.03,missed=0.03"),
        )
        return await simulator.simulate(plan, series)


def test_a_stage_that_does_not_walk_as_announced_is_followed(
    config_file, mosquitto, recorder_daemon, tmp_path
):
    """Each line has a step more than announced: by triggers all wells were wrong."""
    port = free_port()
    names = {"omega": 1, "x": 2, "y": 3}
    positions = {axis: f"INENC{n}.VAL.Value" for axis, n in names.items()}
    panda = [{"name": "panda-1", "port": port, "positions": positions}]
    beamline = make_beamline(
        config_file, mosquitto, classify={"index": False}, panda=panda
    )
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("panda_unreachable")
    chip = StagedChip(
        rows=6, columns=5, down=2, across=2, snake=True, shots=2, more=1, filled=0.5
    )
    stills = StillSettings(geometry=default_geometry(256))
    hits = chip.hits(chip.triggers, 1)
    series = synthetic_series(chip.triggers, 1, pool=12, hits=hits, settings=stills)
    path = tmp_path / "truth.jsonl"
    truth = asyncio.run(simulated(beamline, port, chip, series, path))
    report = wait_sealed(daemon, beamline, truth["uid"])
    assert daemon.terminate() == 0
    told = [json.loads(line) for line in path.read_text().splitlines()]
    made = {entry["image_id"]: entry for entry in told if entry["delivered"]}
    (results,) = beamline.settings.results.glob("**/results.h5")
    with h5py.File(results) as file:
        images = file["entry/images"]
        ids = images["image_id"][()].tolist()
        wells = zip(*(images[name][()].tolist() for name in PLACE), strict=True)
        found = dict(zip(ids, wells, strict=True))
        assert "angle_start" not in images
    assert found == {
        n: tuple(-1 if e[name] is None else e[name] for name in PLACE)
        for n, e in made.items()
    }
    scan = report["scan"]
    assert scan["placed_by"] == "position"
    assert scan["moved"] > len(made) / 2
    last = max(made)
    journal = Journal(beamline.settings.journal_path, read_only=True)
    try:
        answer = explain_image(journal, truth["uid"], last)
    finally:
        journal.close()
    assert answer["angle"]["grade"] == "captured"
    expected = 184.32 + 0.05 * made[last]["ordinal"]
    assert abs(answer["angle"]["start"] - expected) < 1e-4
    assert answer["well"]["because"] == "by the captured position of the stage"
    (row,) = [e for e in answer["evidence"][0]["events"] if e["type"] != "Laser"]
    assert set(row["more"]["positions"]) == {"omega", "x", "y"}
