"""The timeline of a run for reports: clocks, start, breaks, chains, audit."""

from __future__ import annotations

from typing import Any

from recorder.records import Chain, ChainEvent
from recorder.records.timeline_report import (
    AuditVerdict,
    BreakKind,
    BreakReport,
    ChainReport,
    ChainScope,
    ClockReport,
    CommandedEvent,
    EventAudit,
    SeenEvent,
    TimelineReport,
    TriggerRowCounts,
    WalkReport,
)
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import Measurement
from recorder.ssx.clocks.clock import ALARM_PPM
from recorder.ssx.clocks.unknown import NO_TIME
from recorder.ssx.labels.timeline import Timeline
from recorder.ssx.measured.audit import Verdict, summary
from recorder.ssx.measured.chains import MeasuredChain, MeasuredEvent

MAX_BREAKS = 100
"""Breaks that a report lists; all of them are counted. Chosen, not tuned."""


def timeline_report(
    run: Run, timeline: Timeline, measurement: Measurement
) -> TimelineReport:
    """How images, triggers and clocks belong together, and how sure that is."""
    assignment, rows = timeline.assignment, run.events.rows()
    contradictions = dict(timeline.contradictions)
    return TimelineReport(
        start=assignment.start,
        ordinals_by="time" if assignment.by_time else "count",
        against=_against(timeline),
        triggers=timeline.table.triggers,
        missed_triggers=assignment.missed,
        triggers_after_last_image=assignment.tail,
        clocks=_clocks(run, timeline),
        breaks=tuple(
            BreakReport(b.image_id, BreakKind(b.kind), b.resolved, b.step_ns / 1e9)
            for b in assignment.breaks[:MAX_BREAKS]
        ),
        contradictions=contradictions,
        rows=TriggerRowCounts(
            xray=int(rows.xray.size),
            laser=int(rows.laser.size),
            missing=_missing(rows.xray),
            counter_wraps=rows.wraps,
            counter_restarts=rows.restarts,
        ),
        walk=WalkReport(measurement.sequence.positions, measurement.sequence.period),
        summary=summary(measurement.verdicts, sum(contradictions.values())),
    )


def _against(timeline: Timeline) -> str:
    return timeline.table.clock or "declared chains"


def _missing(numbers: Any) -> int:
    """Trigger numbers between the first and the last row that have no row."""
    return int(numbers[-1] - numbers[0] + 1 - numbers.size) if numbers.size else 0


def _clocks(run: Run, timeline: Timeline) -> tuple[ClockReport, ...]:
    assignment = timeline.assignment
    clock = assignment.clock
    if clock is None or not assignment.by_time:
        return ()
    # The rate of the triggers' clock over the image clock; people ask the reverse.
    ppm = -assignment.rate / (1 + assignment.rate) * 1e6
    return (
        ClockReport(
            source=run.key.source if run.key else None,
            against=_against(timeline),
            offset_ns=clock.origin_ns - clock.at_origin_ns,
            ppm=round(ppm, 6),
            ppm_now=round(-clock.ppm / (1 + clock.rate), 6),
            sigma_ns=round(clock.sigma_ns, 1),
            anchors=int((assignment.residual_ns != NO_TIME).sum()),
            last_anchor_ns=clock.last_ns,
            alarm=abs(ppm) > ALARM_PPM,
        ),
    )


def chains_report(run: Run, measurement: Measurement) -> tuple[ChainReport, ...]:
    """Every chain as commanded, as measured, and where they differ."""
    verdicts = measurement.verdicts
    found = []
    for number, chain in enumerate(run.chains):
        answer = next((c for c in measurement.chains if c.chain == number), None)
        found.append(_chain(chain, answer, verdicts))
    found += [
        _chain(Chain(item.name, item.scope), item, verdicts)
        for item in measurement.chains
        if item.chain is None
    ]
    return tuple(found)


def _chain(
    chain: Chain, answer: MeasuredChain | None, verdicts: tuple[Verdict, ...]
) -> ChainReport:
    return ChainReport(
        name=chain.name,
        scope=ChainScope(chain.scope),
        commanded=tuple(_commanded(event) for event in chain.events),
        measured=tuple(_seen(event) for event in answer.events) if answer else (),
        audit=tuple(_audit(v) for v in verdicts if v.chain == chain.name),
    )


def _commanded(event: ChainEvent) -> CommandedEvent:
    return CommandedEvent(
        type=event.type,
        name=event.name,
        offset=event.offset,
        duration=event.duration,
        period=event.period,
        repetition=event.repetition,
    )


def _seen(event: MeasuredEvent) -> SeenEvent:
    return SeenEvent(
        type=event.type,
        name=event.name,
        offset=event.offset,
        duration=event.duration,
        period=event.period,
        repetition=event.repetition,
        seen=event.seen,
        drops=event.repetition - event.seen,
        jitter=event.jitter,
        offset_sigma=event.offset_sigma,
        irregular=event.irregular,
        declared=event.declared,
    )


def _audit(verdict: Verdict) -> EventAudit:
    return EventAudit(
        event=verdict.title,
        type=verdict.type,
        verdict=AuditVerdict(verdict.state),
        findings=verdict.findings,
        offset_error=verdict.offset_error,
        period_ppm=verdict.period_ppm,
        seen=verdict.fired,
        commanded=verdict.commanded,
    )
