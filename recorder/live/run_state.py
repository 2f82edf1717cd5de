"""What the live state says of one run."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.live.pump_state import delays_state, pump_state
from recorder.live.run_counts import SHORT, RunCounts
from recorder.live.traits import NAMES, Counts, trials
from recorder.records import ImageClass
from recorder.records.announcement import Target
from recorder.records.live import LINE_STEP_S, Line, LiveRun, Trials
from recorder.records.live_open_runs import OpenRun
from recorder.records.runs import SERIAL
from recorder.runs.run import Run

_CLASSES = set(ImageClass)
_LINE = tuple(NAMES.index(name) for name in ("classified", "hits", "indexed"))
RATE_POINTS = SHORT
"""Points of the windows over which the rate of images is taken for an ETA: 10 s, so
that a pause shows. Chosen, not tuned."""


def run_state(
    run: Run,
    counts: RunCounts,
    of_experiment: Counts,
    targets: Sequence[Target],
    now_ns: int,
) -> LiveRun:
    """What is known of a run now.

    Args:
        run: The run.
        counts: What was counted of it.
        of_experiment: Of all runs of its experiment, shape (7,).
        targets: Indexed images that are wanted of its time points.
        now_ns: Time of arrival of what would come now (Unix ns); it never goes back.
    """
    announcement, images = run.announcement, run.images
    part = announcement.part
    return LiveRun(
        run=run.number,
        uid=run.uid,
        experiment=run.experiment,
        proposal=announcement.proposal if run.announced else None,
        state=str(run.state),
        technique=run.technique,
        part=part.number if part else None,
        parts=part.count if part else None,
        announced=run.announced,
        started_ns=run.shown_ns(run.opened_ns),
        expected=run.declared_images,
        received=images.received,
        newest_age_s=counts.newest_age_s(now_ns),
        pending=images.pending,
        lost=images.size - images.received,
        missed=counts.pump.missed if run.technique == SERIAL else None,
        unprocessed={
            str(name): number
            for name, number in images.outcomes.items()
            if name not in _CLASSES
        },
        eta_s=eta_s(run, counts),
        windows=windows(counts, of_experiment),
        pump=pump_state(counts.pump),
        delays=delays_state(counts.pump, targets, counts.pace, now_ns / 1e9),
        delay_histogram=counts.pump.histogram,
        line=line(run, counts),
        last=counts.last.medians(),
    )


def open_run(run: Run) -> OpenRun:
    """A run in short."""
    part, images = run.announcement.part, run.images
    return OpenRun(
        run=run.number,
        uid=run.uid,
        experiment=run.experiment,
        proposal=run.announcement.proposal if run.announced else None,
        technique=run.technique,
        state=str(run.state),
        source=run.key.source if run.key else None,
        part=part.number if part else None,
        parts=part.count if part else None,
        received=images.received,
        expected=run.declared_images,
        lost=images.size - images.received,
    )


def windows(counts: RunCounts, of_experiment: Counts) -> dict[str, Trials]:
    """Images by class in the four windows."""
    return {
        "10s": trials(counts.windows.last(SHORT)),
        "60s": trials(counts.windows.last(counts.windows.points)),
        "run": trials(counts.total),
        "all": trials(of_experiment),
    }


def eta_s(run: Run, counts: RunCounts) -> float | None:
    """Seconds until its last image at the present rate; None if nobody can tell."""
    declared = run.declared_images
    recent = int(counts.windows.last(RATE_POINTS)[0])
    if declared is None or run.final or not recent:
        return None
    left = max(0, declared - run.images.size)
    return round(left * counts.windows.seconds(RATE_POINTS) / recent, 1)


def line(run: Run, counts: RunCounts) -> Line:
    """Images over time of arrival, as the host's clock showed it."""
    begin_ns, found = counts.line.curve()
    classified, hits, indexed = (tuple(found[:, n].tolist()) for n in _LINE)
    shown_ns = run.shown_ns(begin_ns) if begin_ns else 0
    return Line(shown_ns, LINE_STEP_S, classified, hits, indexed)
