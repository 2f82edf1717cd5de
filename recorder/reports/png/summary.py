"""The page of a run: card, bar of three, rates, time points, cells, chains, proof."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.records.run_report import RunReport
from recorder.records.scan_report import ScanReport
from recorder.records.timeline_report import AuditVerdict
from recorder.reports.html.alarms import WORDS, over
from recorder.reports.html.chip import MOST_ACROSS, hits_of
from recorder.reports.html.facts import RunFacts
from recorder.reports.html.numbers import (
    cell,
    clock,
    count,
    moment,
    rate,
    time_span,
)
from recorder.reports.png.canvas import (
    BAD,
    EDGE,
    GOOD,
    MARGIN,
    ONE,
    QUIET,
    TEXT,
    WARN,
    Canvas,
    paler,
)
from recorder.reports.png.sheet import HEAD, PART, ROOM, SMALL, WORD, Sheet
from recorder.reports.png.technique import technique_sheet
from recorder.reports.proof import proof_of
from recorder.reports.technique_card import card_lines

_MOST_ALARMS = 4
"""Alarms that have room with their hints; more are counted. Chosen, not tuned."""
_ORDER = ("a", "b", "c", "alpha", "beta", "gamma")
_BLOCK_HIGH = 26
"""Height of a block of a chip (px), for a number in small letters."""
_COLOURS = {"red": BAD, "amber": WARN}


def summary_png(run: RunReport, facts: RunFacts) -> bytes:
    """One page, as PNG.

    Args:
        run: What is told.
        facts: What was announced.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    page = Sheet(Canvas())
    proof = proof_of(run)
    page.words(f"Run {run.run} of {run.experiment}", HEAD)
    state = f"{run.state}, {run.status}" + (f" ({run.reason})" if run.reason else "")
    page.words(state, PART, QUIET)
    page.words(proof.text, WORD, GOOD if proof.whole else BAD)
    page.y += 8
    if run.serial:
        page.columns(_card(run, facts))
    else:
        page.columns([*_when(run), *card_lines(run)])
    _body(page, run)
    page.list("Event chains", list(_events(run)))
    _cells(page, run, facts)
    page.list("Notes", [(note, TEXT) for note in run.notes])
    page.foot(f"recorder; {run.uid}; {run.as_of or ''}")
    return page.canvas.png()


def _body(page: Sheet, run: RunReport) -> None:
    """What the technique of the run has."""
    hits = run.classes.hits
    if not run.serial:
        _alarms(page, run)
        technique_sheet(page, run)
        return
    page.bar_of_three(
        run.classes.indexed, run.classes.non_indexed_hits, run.images.received - hits
    )
    _alarms(page, run)
    page.part("Rates")
    page.columns(_rates(run))
    page.list("Time points", list(_delays(run)))
    _chip(page, run)


def _when(run: RunReport) -> list[tuple[str, str | None]]:
    return [("began", moment(run.started_ns)), ("ended", moment(run.ended_ns))]


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


def _rates(run: RunReport) -> list[tuple[str, str | None]]:
    classes, classified, pump = run.classes, run.images.classified, run.pump
    return [
        ("hits", rate(classes.hits, classified)),
        ("indexed of images", rate(classes.indexed, classified)),
        ("light, dark", f"{count(pump.light)}, {count(pump.dark)}"),
        ("unknown", count(pump.unknown)),
    ]


def _alarms(page: Sheet, run: RunReport) -> None:
    """Each with its first hint and its end."""
    if not run.alarms:
        return
    page.part("Alarms")
    for alarm in run.alarms[:_MOST_ALARMS]:
        word = WORDS.get(alarm.severity, alarm.severity).partition(" ")[2]
        colour = _COLOURS.get(alarm.severity, TEXT)
        page.words(f"{word}, {clock(alarm.raised)}: {alarm.text}", colour=colour)
        hint = f"{alarm.hints[0].text} " if alarm.hints else ""
        page.words(f"{hint}Over: {over(alarm)}.", SMALL, QUIET)
    more = len(run.alarms) - _MOST_ALARMS
    if more > 0:
        page.words(f"and {more} more", WORD, QUIET)


def _chip(page: Sheet, run: RunReport) -> None:
    """Wells, patterns, and the hit rate of each block where it lies."""
    scan = run.scan
    if scan is None:
        return
    wells = scan.wells
    page.part("Chip or scan")
    told = f"{count(wells.total)} wells: {count(wells.indexed)} indexed, "
    told += f"{count(wells.non_indexed_hits)} non-indexed hits, "
    told += f"{count(wells.non_hits)} non-hits, {count(wells.unseen)} unseen"
    page.words(told)
    for hint in scan.hints[:2]:
        page.words(f"{hint.where}: {hint.text}", colour=WARN)
    _blocks(page, scan)


def _blocks(page: Sheet, scan: ScanReport) -> None:
    down, across = scan.blocks
    listed = scan.by_block[: down * across]
    rows = -(-len(listed) // across)
    if len(listed) < 2 or across > MOST_ACROSS or rows * _BLOCK_HIGH > page.room / 2:
        return
    rates = [hits / whole if whole else None for hits, whole in map(hits_of, listed)]
    top = max((known for known in rates if known is not None), default=0.0)
    wide = min(110.0, ROOM / across)
    for n, known in enumerate(rates):
        x = MARGIN + n % across * wide
        y = page.y + n // across * _BLOCK_HIGH
        share_of_top = known / top if known is not None and top else 0.0
        page.canvas.box(x, y, wide - 2, _BLOCK_HIGH - 2, paler(ONE, share_of_top / 2))
        if wide >= 2.5 * SMALL:
            text = "-" if known is None else f"{100 * known:.1f} %"
            page.canvas.text(x + 6, y + 2, text, SMALL, TEXT, wide - 8)
    page.y += rows * _BLOCK_HIGH + 4
    page.words("hit rate of each block, as it lies on the chip", SMALL, QUIET)


def _delays(run: RunReport) -> Iterator[tuple[str, str]]:
    for item in run.delays:
        text = f"{time_span(item.delay) or 'unknown'}: {count(item.images)} images, "
        text += f"{count(item.hits)} hits, {count(item.indexed)} indexed"
        yield text, TEXT


def _events(run: RunReport) -> Iterator[tuple[str, str]]:
    for chain in run.told_chains:
        for item in chain.audit:
            told = "; ".join(item.findings) or str(item.verdict)
            good = item.verdict is AuditVerdict.OK
            unseen = item.verdict is AuditVerdict.UNSEEN
            colour = GOOD if good else QUIET if unseen else BAD
            yield f"{chain.name}: {item.event}: {told}", colour


def _cells(page: Sheet, run: RunReport, facts: RunFacts) -> None:
    known = run.unit_cell
    if known.median is None or page.room < 320:
        return
    page.part("Unit cells and resolution")
    limit = run.resolution.median
    told = f"median of {count(run.classes.lattices)} lattices: {cell(known.median)}"
    page.words(told + ("" if limit is None else f", resolution {limit:.2f} A"))
    if facts.unit_cell is not None:
        page.words(f"announced: {cell(facts.unit_cell)}", colour=QUIET)
    wide, high = ROOM / 6 - 12, 110.0
    for item in known.histograms:
        place = _ORDER.index(item.parameter)
        x, top = MARGIN + place * ROOM / 6, max(item.counts, default=0)
        step = wide / max(1, len(item.counts))
        for n, number in enumerate(item.counts):
            tall = high * number / top if top > 0 else 0.0
            y = page.y + 10 + high - tall
            page.canvas.box(x + n * step, y, step, tall, ONE)
        base = page.y + 10 + high
        page.canvas.line([(x, base), (x + wide, base)], EDGE)
        name = f"{item.parameter} {known.median[place]:.2f}"
        page.canvas.text(x, base + 6, name, SMALL, QUIET, wide)
    page.y += high + 40
