"""What the alarms cost a daemon: from outcomes to what is journalled."""

from __future__ import annotations

import time

import numpy as np

from recorder.live.alarm_book import AlarmBook
from recorder.live.alarm_memory import Memory, pack_memory
from recorder.live.followed_run import FollowedRun
from recorder.live.moment import run_facts
from recorder.records import Classification, ImageClass, ImageOutcome, RunState
from recorder.runs.book.endings import NOT_ANNOUNCED
from recorder.runs.run import Run
from recorder.ssx.alarms.observation import Observation
from recorder.ssx.alarms.watch import AlarmState, step

STEPS_S, KEPT = 0.5, 60
"""Seconds between two steps, and steps between two times that all is kept: those of
the daemon."""


def ms_a_second(hz: int, seconds: int, seed: int) -> float:
    """CPU time (ms) that alarms take for each second of a run.

    Args:
        hz: Images a second, 20 % of them hits.
        seconds: Length of the run.
        seed: Decides which.
    """
    rng = np.random.default_rng(seed)
    run = Run("run", 1, 0, NOT_ANNOUNCED, state=RunState.OPEN)
    state, took, size = AlarmState(), 0.0, round(hz * STEPS_S)
    mine = FollowedRun(run, lambda image: image.image_id / hz)
    for number in range(round(seconds / STEPS_S)):
        now_ns = round(number * STEPS_S * 1e9)
        new = [_outcome(n, rng) for n in range(number * size, (number + 1) * size)]
        for image in new:
            run.images.receive(image.image_id, None)
            run.images.finish(image)
        begin = time.process_time()
        mine.note(new, now_ns)
        cut = mine.take(now_ns)
        facts = run_facts(run, live=True)
        seen = Observation(now_ns / 1e9, facts, cut.images, fates=cut.fates)
        state, _ = step(state, seen)
        if number % KEPT == 0:
            known = Memory({run.uid: state}, AlarmBook(), {run.uid: mine.cursors})
            pack_memory(known)
        took += time.process_time() - begin
    return took / seconds * 1e3


def _outcome(image_id: int, rng: np.random.Generator) -> ImageOutcome:
    kind = ImageClass.NON_INDEXED_HIT if rng.random() < 0.2 else ImageClass.NON_HIT
    known = 2 + rng.normal(0, 0.1, 3)
    background, solvent, resolution = known.tolist()
    found = Classification(
        kind, 20, background=background, solvent=solvent, resolution=resolution
    )
    return ImageOutcome(image_id, found, received_ns=image_id)
