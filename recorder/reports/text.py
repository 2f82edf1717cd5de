"""Reports and progress for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from recorder.foreign_text import plain
from recorder.records import Evidence, RunState
from recorder.records.image_report import EvidenceCounts, Rates
from recorder.records.run_report import (
    Cumulative,
    ExperimentReport,
    FullReport,
    RunReport,
)
from recorder.records.timeline_report import AuditVerdict, BreakKind
from recorder.reports.alarm_text import alarm_lines
from recorder.reports.image_text import image_lines
from recorder.reports.scan_text import scan_lines
from recorder.reports.technique_card import images_of_parts
from recorder.reports.technique_text import technique_lines

_SHOWN = 5
"""Breaks of the timeline that are named."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@contextmanager
def progress_bar(
    title: str, *, shown: bool
) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on the terminal; nothing elsewhere."""
    if not shown:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(plain(title)), total=None)

        def update(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield update


def report_text(report: FullReport, pending: Mapping[str, str] = _NOTHING) -> str:
    """A report for people; the same numbers as the JSON.

    Args:
        report: What was recorded.
        pending: Why what is pending waits, by sink.
    """
    if not report.experiments:
        return "nothing recorded"
    blocks = (_experiment(entry, pending) for entry in report.experiments)
    # names come from messages: none of them may make a line of its own
    return "\n\n".join("\n".join(map(plain, lines)) for lines in blocks)


def _experiment(entry: ExperimentReport, pending: Mapping[str, str]) -> list[str]:
    lines = [f"Experiment {entry.experiment}"]
    if (group := entry.data_collection_group_id) is not None:
        lines[0] += f" (DataCollectionGroup {group})"
    totals = images_of_parts(entry.runs)
    for run in entry.runs:
        lines += _run(run, pending, totals)
    return [*lines, *_sums(entry.cumulative)]


def _sums(total: Cumulative) -> list[str]:
    """Sums of serial runs; images of others are no trials of the same kind."""
    serial = total.runs - total.other_runs
    lines = []
    if serial or not total.other_runs:
        lines.append(
            f"  all {serial} {'serial ' if total.other_runs else ''}runs: "
            f"{total.images} images, {total.indexed} indexed, "
            f"{total.non_indexed_hits} non-indexed hits, "
            f"{total.skipped} skipped (images - hits)"
        )
    if total.other_runs:
        one = total.other_runs == 1
        runs = "1 run that is" if one else f"{total.other_runs} runs that are"
        lines.append(f"  {runs} not serial: {total.other_images} images")
    return lines


def _row(run: RunReport) -> str:
    """Its row in ISPyB; scans and spectra have one in a table of their own."""
    known = run.data_collection_id
    return "" if known is None else f"   DataCollection {known}"


def _run(
    run: RunReport, pending: Mapping[str, str], totals: Mapping[str, int]
) -> list[str]:
    reason = f" ({run.reason})" if run.reason else ""
    technique = "" if run.serial else f"{run.technique}, "
    lines = [
        f"  Run {run.run}: {technique}{run.state}, {run.status}{reason}"
        f"{_row(run)}   uid {run.uid}",
        *(_serial(run) if run.serial else technique_lines(run, totals)),
    ]
    if not run.ledger.closed and run.state is RunState.SEALED:
        lines += [f"    NOT CLOSED {item}" for item in run.ledger.differences]
    lines += [f"    note       {note}" for note in run.notes]
    sinks = ", ".join(
        f"{name} {state}"
        + (f" ({pending[name]})" if state == "pending" and name in pending else "")
        for name, state in run.sinks.items()
    )
    return [*lines, f"    sinks      {sinks}"] if sinks else lines


def _serial(run: RunReport) -> list[str]:
    """Rates, light and dark, delays, chip, cells: of a run of many crystals."""
    classes, pump = run.classes, run.pump
    lines = [
        *image_lines(run.images, serial=True),
        f"    classified indexed {classes.indexed}, non-indexed hits "
        f"{classes.non_indexed_hits}, non-hits {classes.non_hits}"
        f"   lattices {classes.lattices}",
        f"    hit rate   {_rate(run.rates)}",
        f"    pump       light {pump.light}, dark {pump.dark}, unknown "
        f"{pump.unknown}   evidence: {_evidence(run.evidence)}",
    ]
    for item in run.delays:
        delay = "unknown" if item.delay is None else f"{item.delay:g} s"
        lines.append(
            f"    delay      {delay}: {item.images} images, {item.hits} hits, "
            f"{item.indexed} indexed   (chain {item.chain}, slot {item.slot})"
        )
    lines += [f"    alarm      {line}" for line in alarm_lines(run.alarms)]
    if run.scan is not None:
        lines += [f"    {line}" for line in scan_lines(run.scan)]
    lines += [f"    timeline   {line}" for line in _timeline(run)]
    if (cell := run.unit_cell.median) is not None:
        text = " ".join(f"{value:.1f}" for value in cell)
        lines.append(f"    unit cell  {text} (median of {classes.lattices} lattices)")
    for last in run.classification.calibrations[-1:]:
        if last.cell_found and last.unit_cell is not None:
            text = " ".join(f"{value:.1f}" for value in last.unit_cell)
            fits = "" if last.misfit is None else f", misfit {100 * last.misfit:.2f} %"
            lines.append(f"    lattice    {last.lattice} {text} (found{fits})")
    return lines


def _timeline(run: RunReport) -> list[str]:
    """Clocks, breaks, and what the audit found."""
    known = run.timeline
    lines = [
        f"{clock.source} against {clock.against}: {clock.ppm:+.3f} ppm, "
        f"sigma {clock.sigma_ns:.0f} ns, {clock.anchors} anchors, first trigger "
        f"{known.start}" + (", ALARM" if clock.alarm else "")
        for clock in known.clocks
    ]
    for item in known.breaks[:_SHOWN]:
        told = "resolved" if item.resolved else "not resolved: unknown from there"
        step = f" of {item.step:g} s" if item.kind is BreakKind.STEP else ""
        lines.append(f"{item.kind}{step} before image {item.image_id}, {told}")
    for kind, count in known.contradictions.items():
        lines.append(f"{count} images {kind}")
    for chain in run.told_chains:
        lines += [
            f"{chain.name}: {item.event} {'; '.join(item.findings) or 'ok'}"
            for item in chain.audit
            if item.verdict is not AuditVerdict.UNSEEN
        ]
    return lines


def _rate(rates: Rates) -> str:
    if rates.hit is None or rates.hit_ci95 is None:
        return "no image classified"
    low, high = rates.hit_ci95
    text = f"{rates.hit:.1%} (95 %: {low:.1%} to {high:.1%})"
    if rates.indexed_of_hits is not None:
        text += (
            f", indexed {rates.indexed_of_hits:.1%} of hits, "
            f"{rates.indexed_of_images:.1%} of images"
        )
    return text


def _evidence(evidence: EvidenceCounts) -> str:
    counted = ((str(name), getattr(evidence, name)) for name in Evidence)
    return ", ".join(f"{name} {n}" for name, n in counted if n) or "none"
