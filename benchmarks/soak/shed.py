"""What must be true of a run most of whose images were never looked at."""

from __future__ import annotations

import math

from benchmarks.soak.flood import Flood
from benchmarks.soak.sender import start_ns
from benchmarks.soak.verdicts import Verdict, check
from recorder.journal import Journal
from recorder.records import RunState
from recorder.records.run_report import RunReport

SIGMAS = 4.0
"""Tolerance of the hit rate: a sample is off by more once in 16 000 tries."""


def shed_verdicts(flooded: Flood, run: RunReport) -> list[Verdict]:
    """The report of the run against what was sent."""
    sent, images, pump = flooded.sent, run.images, run.pump
    unprocessed = images.unprocessed
    numbers = (images.expected, images.received, images.lost)
    true = (sent["delivered"] + sent["dropped"], sent["delivered"], sent["dropped"])
    labels = (pump.light, pump.dark, pump.unknown)
    sums = images.classified + sum(unprocessed.values()) == images.received
    rows, timed = _start_times(flooded)
    overload = unprocessed.get("overload", 0)
    return [
        check(
            "the run is sealed, its ledger closed",
            run.state is RunState.SEALED and run.ledger.closed,
            "; ".join(run.ledger.differences) or "no difference",
        ),
        check(
            "every image is received, or lost by its number",
            numbers == true,
            "{} = {} received + {} lost".format(*numbers) + _gaps(images.lost_ranges),
        ),
        check(
            "what was shed is counted: `unprocessed: overload`, nothing else",
            sums and set(unprocessed) == {"overload"},
            f"{images.classified} classified, {overload} shed",
        ),
        check(
            "every image has its row and its start time in the journal",
            rows == timed == sent["delivered"],
            f"{timed} of {rows} rows",
        ),
        check(
            "every image is light or dark, as it was",
            labels == (sent["light"], sent["dark"], 0),
            "{} light, {} dark, {} unknown".format(*labels),
        ),
        _hit_rate(flooded, run),
    ]


def _gaps(ranges: tuple[tuple[int, int], ...]) -> str:
    """The longest gap, of those that the report names."""
    if not ranges:
        return ""
    longest = max(last - first + 1 for first, last in ranges)
    return f", in {len(ranges)} gaps or more of at most {longest}"


def _start_times(flooded: Flood) -> tuple[int, int]:
    """Rows of the run in the journal, and those with the right start time."""
    journal = Journal(flooded.settings.journal_path, read_only=True)
    try:
        images = list(journal.image_rows(flooded.uid))
    finally:
        journal.close()
    right = sum(
        image.start_time_ns == start_ns(image.image_id, flooded.period_s)
        for image in images
    )
    return len(images), right


def _hit_rate(flooded: Flood, run: RunReport) -> Verdict:
    """Rates are those of the classified images, and these are a fair sample."""
    classified, hits, rate = (
        run.images.classified,
        run.classes.hits,
        run.rates.hit or 0.0,
    )
    true = flooded.sent["hits"] / flooded.sent["delivered"]
    sigma = math.sqrt(true * (1 - true) / max(1, classified))
    consistent = bool(classified) and math.isclose(
        rate, hits / classified, abs_tol=1e-6
    )
    return check(
        "the hit rate is that of the classified images, and a fair sample",
        consistent and abs(rate - true) <= SIGMAS * sigma,
        f"{rate:.3%} of {classified} classified, {true:.3%} of all that were sent",
    )
