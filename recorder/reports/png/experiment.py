"""The sheet of an experiment: its sum, and a line for each run."""

from __future__ import annotations

from recorder.records.cards import ExperimentCard, RunCard
from recorder.reports.html.numbers import clock, count, image_sums, share
from recorder.reports.png.canvas import BAD, GOOD, MARGIN, QUIET, TEXT, Canvas
from recorder.reports.png.sheet import HEAD, PART, ROOM, SMALL, STEP, WORD, Sheet
from recorder.reports.proof import proof_of

_LINE = 2 * STEP
"""Height of a run (px): its numbers, and below them its proof."""
_BAR = 260
"""Width of the bar of a run (px)."""


def experiment_png(card: ExperimentCard, journal: str = "") -> bytes:
    """One page, as PNG: the latest runs where not all have room.

    Args:
        card: The experiment.
        journal: Id of the journal, noted in the file.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    page = Sheet(Canvas())
    total = card.cumulative
    page.words(f"Experiment {card.experiment}", HEAD)
    sums = image_sums(total)
    told = "".join(f", {number} {name}" for name, number in sums)
    page.words(f"{count(total.runs)} runs{told}", PART, QUIET)
    page.y += 8
    page.columns(
        [
            ("proposal", card.proposal),
            ("protein", card.protein),
            ("sample", card.sample),
            ("support", card.support),
            *sums,
            ("lost", count(card.lost)),
        ]
    )
    if total.other_runs < total.runs or not total.runs:
        page.bar_of_three(total.indexed, total.non_indexed_hits, total.skipped)
    page.part("Runs, latest first")
    shown = 0
    for run in card.runs:
        if page.room < _LINE + STEP:
            break
        _run(page, run)
        shown += 1
    if (more := len(card.runs) + card.runs_left_out - shown) > 0:
        page.words(f"and {count(more)} earlier runs, which count in the sum")
    page.foot(f"recorder; {card.experiment}")
    return page.canvas.png(journal)


def _run(page: Sheet, run: RunCard) -> None:
    canvas, y, classes = page.canvas, page.y, run.classes
    proof = proof_of(run)
    canvas.text(MARGIN, y, f"Run {run.run}", WORD, TEXT, 110)
    told = f"{count(run.images.received)} images, "
    if run.serial:
        skipped = max(0, run.images.received - classes.hits)
        numbers = (classes.indexed, classes.non_indexed_hits, skipped)
        page.strip(MARGIN + 120, y + 2, _BAR, 20, numbers)
        told += f"{share(classes.hits, sum(numbers))} hits, "
        told += f"{share(classes.indexed, sum(numbers))} indexed"
    else:
        canvas.text(MARGIN + 120, y, run.technique, WORD, TEXT, _BAR)
        told += f"spots on {count(classes.hits)}"
    room = ROOM - 120 - _BAR - 20
    canvas.text(MARGIN + 140 + _BAR, y, told, WORD, TEXT, room)
    told = f"{clock(run.start_time)}: {run.state}, {run.status}, {proof.text}"
    colour = GOOD if proof.whole else BAD
    canvas.text(MARGIN + 120, y + STEP - 3, told, SMALL, colour, ROOM - 120)
    page.y += _LINE
