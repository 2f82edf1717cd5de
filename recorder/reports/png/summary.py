"""The page of a run: card, bar of three, rates, time points, cells, chains, proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorder.records.run_report import RunReport
from recorder.records.timeline_report import AuditVerdict
from recorder.reports.html.facts import RunFacts
from recorder.reports.html.numbers import (
    cell,
    count,
    moment,
    rate,
    share,
    time_span,
)
from recorder.reports.png.canvas import (
    BAD,
    EDGE,
    GOOD,
    HEIGHT,
    MARGIN,
    ONE,
    QUIET,
    TEXT,
    THREE,
    TWO,
    WIDTH,
    Canvas,
)
from recorder.reports.proof import proof_of

_ROOM = WIDTH - 2 * MARGIN
"""Width between the edges (px)."""
_HEAD, _PART, _WORD, _SMALL = 40, 26, 21, 17
"""Sizes of letters (px): title, heading, text, labels."""
_STEP = 30
"""Height of a line of text (px)."""
_MOST = 8
"""Time points, events and notes that have room; more are counted. Chosen, not tuned."""
_ORDER = ("a", "b", "c", "alpha", "beta", "gamma")


def summary_png(run: RunReport, facts: RunFacts) -> bytes:
    """One page, as PNG.

    Args:
        run: What is told.
        facts: What was announced.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    page = _Page(Canvas())
    proof = proof_of(run)
    page.words(f"Run {run.run} of {run.experiment}", _HEAD)
    state = f"{run.state}, {run.status}" + (f" ({run.reason})" if run.reason else "")
    page.words(state, _PART, QUIET)
    page.words(proof.text, _WORD, GOOD if proof.whole else BAD)
    page.y += 8
    page.columns(_card(run, facts))
    _bar(page, run)
    page.part("Rates")
    page.columns(_rates(run))
    page.list("Time points", list(_delays(run)))
    page.list("Event chains", list(_events(run)))
    _cells(page, run, facts)
    page.list("Notes", [(note, TEXT) for note in run.notes])
    page.foot(f"recorder; {run.uid}; {run.as_of or ''}")
    return page.canvas.png()


class _Page:
    """Where the next line goes; what has no room is left out."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.y = float(MARGIN)

    def words(self, text: str, size: int = _WORD, colour: str = TEXT) -> None:
        """A line."""
        if self.room < size:
            return
        self.canvas.text(MARGIN, self.y, text, size, colour, _ROOM)
        self.y += size * 1.45

    @property
    def room(self) -> float:
        """Pixels above the foot."""
        return HEIGHT - MARGIN - _STEP - self.y

    def part(self, title: str) -> None:
        """A heading."""
        self.y += 14
        self.canvas.box(MARGIN, self.y, _ROOM, 1, EDGE)
        self.y += 10
        self.words(title, _PART)

    def columns(self, pairs: Sequence[tuple[str, str | None]]) -> None:
        """Names and values, two beside each other."""
        told = [(name, value) for name, value in pairs if value]
        half = _ROOM / 2
        for n, (name, value) in enumerate(told):
            x = MARGIN + (n % 2) * half
            y = self.y + (n // 2) * _STEP
            self.canvas.text(x, y, name, _WORD, QUIET, 210)
            self.canvas.text(x + 220, y, value, _WORD, TEXT, half - 235)
        self.y += -(-len(told) // 2) * _STEP

    def list(self, title: str, lines: Sequence[tuple[str, str]]) -> None:
        """A heading and some lines; nothing where there are none."""
        if not lines or self.room < 3 * _STEP:
            return
        self.part(title)
        for text, colour in lines[:_MOST]:
            self.words(text, _WORD, colour)
        if len(lines) > _MOST:
            self.words(f"and {len(lines) - _MOST} more", _WORD, QUIET)

    def foot(self, text: str) -> None:
        """The last line."""
        self.canvas.text(MARGIN, HEIGHT - MARGIN, text, _SMALL, QUIET, _ROOM)


def _card(run: RunReport, facts: RunFacts) -> list[tuple[str, str | None]]:
    sample = ", ".join(t for t in (facts.protein, facts.sample, facts.support) if t)
    return [
        ("proposal", facts.proposal),
        ("sample", sample),
        ("began", moment(run.started_ns)),
        ("ended", moment(run.ended_ns)),
        ("images", f"{count(run.images.received)} of {count(run.images.expected)}"),
        ("lost, missed", f"{count(run.images.lost)}, {run.images.missed_triggers:,}"),
        ("space group", run.space_group),
        ("type", facts.type),
    ]


def _bar(page: _Page, run: RunReport) -> None:
    classes = run.classes
    skipped = max(0, run.images.received - classes.hits)
    numbers = (classes.indexed, classes.non_indexed_hits, skipped)
    whole = sum(numbers)
    page.y += 14
    x = float(MARGIN)
    names = ("indexed", "non-indexed hits", "skipped")
    for n, (number, colour) in enumerate(zip(numbers, (ONE, TWO, THREE), strict=True)):
        wide = _ROOM * number / whole if whole else 0.0
        page.canvas.box(x, page.y, wide, 40, colour)
        x += wide
        at = MARGIN + n * _ROOM / 3
        page.canvas.box(at, page.y + 54, 16, 16, colour)
        text = f"{count(number)} {names[n]} {share(number, whole)}"
        page.canvas.text(at + 24, page.y + 50, text, _WORD, TEXT, _ROOM / 3 - 30)
    page.y += 84


def _rates(run: RunReport) -> list[tuple[str, str | None]]:
    classes, classified, pump = run.classes, run.images.classified, run.pump
    return [
        ("hits", rate(classes.hits, classified)),
        ("indexed of images", rate(classes.indexed, classified)),
        ("light, dark", f"{count(pump.light)}, {count(pump.dark)}"),
        ("unknown", count(pump.unknown)),
    ]


def _delays(run: RunReport) -> Iterator[tuple[str, str]]:
    for item in run.delays:
        text = f"{time_span(item.delay) or 'unknown'}: {count(item.images)} images, "
        text += f"{count(item.hits)} hits, {count(item.indexed)} indexed"
        yield text, TEXT


def _events(run: RunReport) -> Iterator[tuple[str, str]]:
    for chain in run.event_chains:
        for item in chain.audit:
            told = "; ".join(item.findings) or str(item.verdict)
            good = item.verdict is AuditVerdict.OK
            unseen = item.verdict is AuditVerdict.UNSEEN
            colour = GOOD if good else QUIET if unseen else BAD
            yield f"{chain.name}: {item.event}: {told}", colour


def _cells(page: _Page, run: RunReport, facts: RunFacts) -> None:
    known = run.unit_cell
    if known.median is None or page.room < 320:
        return
    page.part("Unit cells and resolution")
    limit = run.resolution.median
    told = f"median of {count(run.classes.lattices)} lattices: {cell(known.median)}"
    page.words(told + ("" if limit is None else f", resolution {limit:.2f} A"))
    if facts.unit_cell is not None:
        page.words(f"announced: {cell(facts.unit_cell)}", colour=QUIET)
    wide, high = _ROOM / 6 - 12, 110.0
    for item in known.histograms:
        place = _ORDER.index(item.parameter)
        x, top = MARGIN + place * _ROOM / 6, max(item.counts, default=0)
        step = wide / max(1, len(item.counts))
        for n, number in enumerate(item.counts):
            tall = high * number / top if top > 0 else 0.0
            y = page.y + 10 + high - tall
            page.canvas.box(x + n * step, y, step, tall, ONE)
        base = page.y + 10 + high
        page.canvas.line([(x, base), (x + wide, base)], EDGE)
        name = f"{item.parameter} {known.median[place]:.2f}"
        page.canvas.text(x, base + 6, name, _SMALL, QUIET, wide)
    page.y += high + 40
