"""Rounds: a run under faults at seeded moments, then the count."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from recorder.journal import Journal
from recorder.journal.records import SINK_KINDS
from recorder.records import Json, RunState
from recorder.simulate.stream.series import Series
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.timing.faults import parse_faults
from tests.chaos.detector import play
from tests.chaos.faults import FAULTS, ON_NODES, Chance, Fault
from tests.chaos.stage import Stage
from tests.chaos.verify import Verdict, verify
from tests.system.beamline import small_series

FLAVOURS = ("esrf", "maxiv", "diamond")
RATE_HZ = 200.0
STREAM_FAULTS = (
    "lost=0.01,missed=0.005,duplicate=0.01,corrupt=0.005,skew=40,repeat=0.02"
)
RECORDED_S = 120.0
SEALED_S = 120.0
WRITTEN_S = 120.0
AMENDED_S = 3.0
POLL_S = 0.1


@dataclass(frozen=True)
class Round:
    """One round as it is to be played."""

    number: int
    faults: tuple[Fault, ...]
    moments: tuple[float, ...]
    """Seconds after the run began."""
    images: int
    seed: int
    status: str = "success"
    """How the run's end is announced."""
    flavour: str = "esrf"
    """Of the database."""
    first: int = 0
    """The faults wait until so many of the run's images are in the journal."""

    @property
    def names(self) -> str:
        """The faults, for the table."""
        return ", ".join(fault.__name__ for fault in self.faults)


def plan_rounds(
    count: int, seed: int, images: int, kinds: tuple[Fault, ...] = FAULTS
) -> list[Round]:
    """Rounds in which every kind of fault has its turn, and half have a second one.

    The first third is for the first flavour, and so on.
    """
    rng = random.Random(seed)
    order: list[Fault] = []
    rounds = []
    for number in range(1, count + 1):
        if not order:
            order = rng.sample(kinds, len(kinds))
        faults = [order.pop()]
        if rng.random() < 0.5:
            faults.append(rng.choice(kinds))
        length = images / RATE_HZ
        moments = sorted(rng.uniform(-0.5, length + 0.5) for _ in faults)
        chosen = rng.randrange(10**6)
        status = "failed" if chosen % 5 == 0 else "success"
        flavour = FLAVOURS[(number - 1) * len(FLAVOURS) // count]
        rounds.append(
            Round(
                number, tuple(faults), tuple(moments), images, chosen, status, flavour
            )
        )
    return rounds


def play_round(stage: Stage, planned: Round, stopped_s: float) -> Verdict:
    """Play one round, and count."""
    stage.forget_daemons()
    if set(planned.faults) & set(ON_NODES):
        stage.nodes.start()
    chance = Chance(random.Random(planned.seed), stopped_s)
    series = small_series(planned.images, seed=1)
    run = SimulatedRun(
        number=planned.number,
        images=planned.images,
        rate_hz=RATE_HZ,
        delay_s=0.001,
        protocol="stream2" if planned.seed % 2 else "stream1",
        faults=parse_faults(STREAM_FAULTS),
        seed=planned.seed,
        experiment="chaos",
        truth=stage.folder / "truth" / f"{planned.number}.jsonl",
    )
    uid, truth, sent = _under_faults(stage, planned, chance, run, series)
    stage.wait_logged("run_sealed", SEALED_S, uid=uid)
    _wait_settled(stage, uid)
    return verify(stage, uid, truth, sent, planned.status)


def _under_faults(
    stage: Stage, planned: Round, chance: Chance, run: SimulatedRun, series: Series
) -> tuple[str, list[Json], dict[int, float]]:
    """Play the run in a thread of its own while things happen in this one."""
    found: list[Any] = []

    def simulate() -> None:
        try:
            playing = play(stage.settings, stage.endpoint, run, series, planned.status)
            found.append(asyncio.run(playing))
        except BaseException as error:  # told to the round, which ends with it
            found.append(error)

    before = _images_recorded(stage)
    begun = time.monotonic() + 0.5
    simulating = threading.Thread(target=simulate)
    starter = threading.Timer(max(0.0, begun - time.monotonic()), simulating.start)
    starter.start()
    _wait_recorded(stage, before + planned.first)
    for fault, moment in zip(planned.faults, planned.moments, strict=True):
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        fault(stage, chance)
    starter.join()
    simulating.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    uid, truth, sent = found[0]
    return uid, truth, sent


def _images_recorded(stage: Stage) -> int:
    journal = Journal(stage.settings.journal_path, read_only=True)
    try:
        return journal.image_count()
    finally:
        journal.close()


def _wait_recorded(stage: Stage, images: int) -> None:
    """Wait until the journal holds so many images.

    Raises:
        TimeoutError: It does not come to that.
    """
    deadline = time.monotonic() + RECORDED_S
    while (found := _images_recorded(stage)) < images:
        if time.monotonic() > deadline:
            told = "\n".join(map(str, stage.log()[-30:]))
            raise TimeoutError(
                f"after {RECORDED_S:g} s: {found} of {images} images; {told}"
            )
        time.sleep(POLL_S)


def _wait_settled(stage: Stage, uid: str) -> None:
    """Wait until the run's end is known, it is sealed, and each sink has written it.

    Raises:
        TimeoutError: It does not come to that.
    """
    deadline = time.monotonic() + WRITTEN_S
    told_at: float | None = None
    while time.monotonic() < deadline:
        journal = Journal(stage.settings.journal_path, read_only=True)
        try:
            run = journal.latest("run", uid)
            told = journal.latest("collection_end", uid) is not None
            left = [journal.backlog(s, SINK_KINDS) for s in ("ispyb", "results")]
        finally:
            journal.close()
        sealed = run is not None and run.body["state"] == RunState.SEALED
        if told and told_at is None:
            told_at = time.monotonic()
        # an end that changes a sealed run seals it once more
        amended = told_at is not None and time.monotonic() > told_at + AMENDED_S
        if amended and sealed and not any(left):
            return
        time.sleep(POLL_S)
    raise TimeoutError(
        f"after {WRITTEN_S:g} s: end told {told}, sealed {sealed}, to write {left}"
    )
