"""The chip of a run well by well, as programs have it.

The report of a run has no list of wells, which may be a million; this has one byte for
each.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict

from recorder.records import Json
from recorder.runs.run import Run
from recorder.runs.timeline.chip import Chip, chip_of
from recorder.runs.timeline.of_run import timeline_of
from recorder.ssx.scan.summary import scan_report
from recorder.ssx.scan.wells import WellState

STATES: tuple[str, ...] = tuple(state.name.lower() for state in WellState)
"""What the bytes of ``wells`` mean, in their order."""


def chip_of_run(run: Run) -> Json:
    """The chip of a run with its images and events.

    Returns:
        See docs/reference/report.md, "The chip of a run"; ``scan`` and ``wells`` are
        null for a run without a scan that can be used.
    """
    return chip_answer(run, chip_of(run, timeline_of(run)))


def chip_answer(run: Run, chip: Chip | None) -> Json:
    """The same of a chip at hand."""
    answer: Json = {"run": run.number, "uid": run.uid, "states": list(STATES)}
    if chip is None:
        return {**answer, "scan": None, "shape": None, "wells": None}
    states = chip.states()
    report = scan_report(chip.walk, chip.by, chip.seen, states, chip.moved)
    return {
        **answer,
        "scan": asdict(report),
        "shape": list(states.shape),
        "wells": b64encode(states.tobytes()).decode("ascii"),
    }
