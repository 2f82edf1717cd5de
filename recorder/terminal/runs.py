"""Lower part of the picture: chains, cells, and the runs with their proof."""

from __future__ import annotations

from rich.text import Text

from recorder.records.cards import ExperimentCard, RunCard
from recorder.records.timeline_report import AuditVerdict
from recorder.reports.proof import proof_of
from recorder.terminal.marks import (
    GOOD,
    LIGHT,
    QUIET,
    STRONG,
    WARN,
    Part,
    Signs,
    bar,
    count,
    line,
    per_cent,
)
from recorder.terminal.moment import Moment

_BAR = 30
"""Columns of the bar of three, at most. Chosen, not tuned."""


def chains(moment: Moment) -> list[Text]:
    """What the audit says of each event that was seen or differs."""
    report = moment.report
    found: list[Text] = []
    for chain in report.told_chains if report else ():
        for item in chain.audit:
            if item.verdict is AuditVerdict.UNSEEN:
                continue
            good = item.verdict is AuditVerdict.OK
            told = "; ".join(item.findings) or str(item.verdict)
            name = f"{chain.name}: {item.event} "
            found.append(line(name, (told, GOOD if good else WARN)))
    return [line(("event chains", QUIET)), *found] if found else []


def last_images(moment: Moment) -> list[Text]:
    """Cell and resolution now, and of the run."""
    report = moment.report
    found = []
    if moment.run and (last := moment.run.last).cell is not None:
        found.append(_cell("now", last.cell, last.resolution))
    if report and report.unit_cell.median is not None:
        found.append(_cell("run", report.unit_cell.median, report.resolution.median))
    return [line(("unit cell, resolution", QUIET)), *found] if found else []


def _cell(name: str, cell: tuple[float, ...], resolution: float | None) -> Text:
    text = " ".join(f"{value:.1f}" for value in cell)
    limit = "" if resolution is None else f"   {resolution:.2f} A"
    return line(f"{name:<5}{text}{limit}")


def runs(moment: Moment, width: int, signs: Signs, most: int | None) -> list[Text]:
    """The experiment: its sum, then its runs, latest first."""
    entry = moment.experiment
    if entry is None:
        said = "nothing recorded" if moment.slow.complete else "the runs are being read"
        return [line((said, QUIET))]
    told = [_sum(entry)]
    total = entry.cumulative
    if total.other_runs < total.runs or not total.runs:
        shares = (total.indexed, total.non_indexed_hits, total.skipped)
        told.append(line(*three(shares, width, signs)))
    shown = entry.runs if most is None else entry.runs[:most]
    for card in shown:
        told += [_run(card, width, signs), _proof(card)]
    left = len(entry.runs) - len(shown) + entry.runs_left_out
    if left:
        told.append(line((f"and {count(left)} earlier runs: recorder report", QUIET)))
    return told


def _sum(entry: ExperimentCard) -> Text:
    names = (entry.protein, entry.sample, entry.support)
    what = ", ".join(name for name in names if name)
    total = entry.cumulative
    images = count(total.images)
    if total.other_runs:
        apart = f"{count(total.other_images)} of runs that are not serial"
        images = apart if total.other_runs == total.runs else f"{images}, {apart}"
    group = entry.data_collection_group_id
    ids = "" if group is None else f"   DCG {group}"
    return line(
        (f"{entry.experiment}", STRONG),
        f"   {what}" if what else "",
        f"   # runs {count(total.runs)}, images {images}{ids}",
    )


def three(shares: tuple[int, int, int], width: int, signs: Signs) -> list[Part]:
    """The bar of three: indexed, non-indexed hits, skipped; counts and per cent."""
    whole = sum(max(0, number) for number in shares)
    names = ("indexed", "non-indexed hits", "skipped")
    texts = [
        f"{count(number)} {name} {per_cent(number, whole)}"
        for number, name in zip(shares, names, strict=True)
    ]
    text = " | ".join(texts)
    room = min(_BAR, width - len(text) - 3)
    if room < 6:
        return [text]
    signs3 = (signs.full, signs.half, signs.empty)
    styles = (LIGHT, WARN, QUIET)
    pieces = list(zip(shares, signs3, styles, strict=True))
    return [*bar(pieces, whole, room), "  ", text]


def _run(card: RunCard, width: int, signs: Signs) -> Text:
    images, classes = card.images, card.classes
    head = f"#{card.run:<5}"
    if not card.serial:
        told = f"{card.technique}, {count(images.received)} images, spots on "
        return line((head, STRONG), f"{told}{count(classes.hits)}")
    skipped = images.received - classes.hits
    shares = (classes.indexed, classes.non_indexed_hits, skipped)
    return line((head, STRONG), *three(shares, width - len(head), signs))


def _proof(card: RunCard) -> Text:
    proof = proof_of(card)
    return line("      ", (proof.text, GOOD if proof.whole else WARN))
