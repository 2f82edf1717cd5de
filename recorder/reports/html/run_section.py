"""One run on the page: counts, rates, light and dark, ledger, notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from recorder.records import Evidence
from recorder.records.run_report import RunReport
from recorder.reports.html.alarms import alarms
from recorder.reports.html.chains import chains, timeline
from recorder.reports.html.chip import chip
from recorder.reports.html.crystals import cells, classification
from recorder.reports.html.drawings import bar_of_three
from recorder.reports.html.elements import Child, Element, el, pairs, table
from recorder.reports.html.facts import RunFacts
from recorder.reports.html.numbers import cell, count, moment, rate, time_span
from recorder.reports.html.over_run import over_run
from recorder.reports.html.technique import technique_parts
from recorder.reports.proof import proof_of
from recorder.reports.technique_card import card_lines

NO_TOTALS: Mapping[str, int] = MappingProxyType({})
"""No announcement is several collections."""
_RANGES = 20
"""Ranges of lost images that are listed. Chosen, not tuned."""


def run_section(
    run: RunReport,
    facts: RunFacts,
    *,
    first: bool,
    totals: Mapping[str, int] = NO_TOTALS,
) -> Element:
    """All of one run."""
    images, classes = run.images, run.classes
    proof = proof_of(run)
    reason = f" ({run.reason})" if run.reason else ""
    technique = "" if run.serial else f"{run.technique}, "
    title = f"Run {run.run}: {technique}{run.state}, {run.status}{reason}"
    return el(
        "section",
        el("h2", title, class_="first" if first else None),
        el("p", proof.text, class_="good" if proof.whole else "bad"),
        _card(run, facts, totals),
        bar_of_three(
            classes.indexed, classes.non_indexed_hits, images.received - classes.hits
        )
        if run.serial
        else None,
        *_part("Alarms", *alarms(run)),
        *(_serial(run) if run.serial else _other(run)),
        *_part("Event chains", *chains(run)),
        *(_part("Timeline", *timeline(run)) if _has_timeline(run) else ()),
        *_part("Unit cells and resolution", *cells(run, facts)),
        *_part(
            "Classification",
            *(classification(run) if run.serial or classes.hits else ()),
        ),
        *_part("Ledger", *_ledger(run)),
        *_part("Notes", _notes(run)),
    )


def _serial(run: RunReport) -> tuple[Child, ...]:
    """What only a run of many crystals has."""
    return (
        *_part("Rates", _rates(run)),
        *_part("Over the run", over_run(run.line)),
        *_part("Light and dark", _pump(run)),
        *_part("Time points", _delays(run), _targets(run)),
        *_part("Chip or scan", *chip(run.scan)),
    )


def _has_timeline(run: RunReport) -> bool:
    """Triggers and clocks say something of any serial run, else where there are any."""
    return run.serial or bool(run.timeline.clocks or run.timeline.breaks)


def _other(run: RunReport) -> Iterator[Child]:
    """What only a run that is not serial has."""
    for title, content in technique_parts(run):
        yield from _part(title, *content)


def _part(title: str, *content: Element) -> tuple[Child, ...]:
    """A heading and what is below it; nothing where there is nothing."""
    if not any(item.text for item in content):
        return ()
    return (el("h3", title), *content)


def _card(run: RunReport, facts: RunFacts, totals: Mapping[str, int]) -> Element:
    own = () if run.serial else card_lines(run, totals)
    known = {name for name, _ in own}
    lasted = None if run.ended_ns is None else (run.ended_ns - run.started_ns) / 1e9
    general: tuple[tuple[str, Child], ...] = (
        ("proposal", facts.proposal),
        ("experiment", run.experiment),
        ("type", facts.type),
        ("protein", facts.protein),
        ("sample", facts.sample),
        ("support", facts.support),
        ("space group", run.space_group),
        ("announced cell", cell(facts.unit_cell)),
        ("began", moment(run.started_ns)),
        ("ended", moment(run.ended_ns)),
        ("lasted", time_span(lasted)),
        ("DataCollectionGroup", _id(run.data_collection_group_id)),
        ("DataCollection", _id(run.data_collection_id)),
        ("uid", run.uid),
        ("revision", str(run.revision)),
        ("announced", "yes" if run.announced else "no"),
        ("comments", facts.comments),
    )
    return pairs((*own, *(one for one in general if one[0] not in known)))


def _id(number: int | None) -> str | None:
    return None if number is None else str(number)


def _rates(run: RunReport) -> Element:
    classes, known = run.classes, run.rates
    classified = run.images.classified
    rows: list[tuple[str, Child]] = [
        ("hits of classified images", rate(classes.hits, classified)),
        ("indexed of classified images", rate(classes.indexed, classified)),
    ]
    if known.indexed_of_hits:
        tried = round(classes.indexed / known.indexed_of_hits)
        rows.append(("indexed of hits that were tried", rate(classes.indexed, tried)))
    several = run.classification.multi_lattice
    rows += [
        ("images with several lattices", rate(several.images, classes.indexed)),
        ("lattices", count(classes.lattices)),
    ]
    if several.expected is not None:
        text = f"{100 * several.expected:.2f} % of indexed images"
        rows.append(("several lattices if crystals come independently", text))
    return table(("", "rate"), rows)


def _pump(run: RunReport) -> Element:
    pump = run.pump
    told = ((str(name), getattr(run.evidence, name)) for name in Evidence)
    evidence = [(f"evidence: {name}", count(number)) for name, number in told if number]
    return pairs(
        (
            ("light images", count(pump.light)),
            ("dark images", count(pump.dark)),
            ("unknown", count(pump.unknown)),
            *evidence,
            ("contradictions", count(run.contradictions)),
        )
    )


def _delays(run: RunReport) -> Element:
    head = ("delay", "chain", "slot", "images", "hits", "indexed", "hit rate")
    return table(
        (*head, "indexed of images"),
        (
            (
                time_span(item.delay) or "unknown",
                item.chain or "",
                "" if item.slot is None else str(item.slot),
                count(item.images),
                count(item.hits),
                count(item.indexed),
                rate(item.hits, item.images),
                rate(item.indexed, item.images),
            )
            for item in run.delays
        ),
    )


def _targets(run: RunReport) -> Element:
    """Indexed images that are wanted; the recorder does not guess which delay it is."""
    wanted = (
        (time_span(item.delay) or "unknown", count(item.indexed))
        for item in run.targets
    )
    return table(("target of delay", "indexed images"), wanted)


def _ledger(run: RunReport) -> tuple[Element, ...]:
    images, ledger = run.images, run.ledger
    closed = "the sums hold" if ledger.closed else "the sums do not hold"
    ranges = [f"{low} to {high}" for low, high in images.lost_ranges[:_RANGES]]
    if len(images.lost_ranges) > _RANGES:
        ranges.append(f"and {len(images.lost_ranges) - _RANGES} more ranges")
    if not (run.serial or run.mx or images.received):
        return (
            el("p", closed, class_="good" if ledger.closed else "bad"),
            *(el("p", text, class_="bad") for text in ledger.differences),
        )
    numbers = pairs(
        (
            ("declared", count(images.declared)),
            ("expected", count(images.expected)),
            ("received", count(images.received)),
            ("lost", count(images.lost)),
            ("missed triggers", f"{images.missed_triggers:,}" if run.serial else None),
            ("triggers", count(images.triggers) if run.serial else None),
            ("classified", count(images.classified)),
            ("pending", count(images.pending)),
            *((f"unprocessed: {k}", count(n)) for k, n in images.unprocessed.items()),
            ("indexed", count(run.classes.indexed)),
            ("non-indexed hits", count(run.classes.non_indexed_hits)),
            ("non-hits", count(run.classes.non_hits)),
            *((f"counted: {name}", count(n)) for name, n in run.counts.items()),
            *((f"events: {name}", count(n)) for name, n in run.events.items()),
        )
    )
    return (
        el("p", closed, class_="good" if ledger.closed else "bad"),
        *(el("p", text, class_="bad") for text in ledger.differences),
        numbers,
        el("p", f"lost images: {', '.join(ranges)}") if ranges else Element(""),
    )


def _notes(run: RunReport) -> Element:
    notes = [el("li", note) for note in run.notes]
    return el("ul", *notes) if notes else Element("")
