"""The timeline of a run for reports: clocks, start, breaks, chains, audit."""

from __future__ import annotations

from typing import Any

from recorder.records import Chain, ChainEvent, Json
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import Measurement
from recorder.ssx.clocks.clock import ALARM_PPM
from recorder.ssx.clocks.unknown import NO_TIME
from recorder.ssx.labels.timeline import Timeline
from recorder.ssx.measured.audit import Verdict, summary
from recorder.ssx.measured.chains import MeasuredChain, MeasuredEvent

MAX_BREAKS = 100


def timeline_report(run: Run, timeline: Timeline, measurement: Measurement) -> Json:
    """How images, triggers and clocks belong together, and how sure that is."""
    placement, rows = timeline.placement, run.events.rows()
    return {
        "start": placement.start,
        "ordinals_by": "time" if placement.by_time else "count",
        "against": timeline.reference.clock or "declared chains",
        "triggers": timeline.reference.triggers,
        "missed_triggers": placement.missed,
        "triggers_after_last_image": placement.tail,
        "clocks": _clocks(run, timeline),
        "breaks": [
            {"image_id": b.image_id, "kind": b.kind, "resolved": b.resolved,
             "step": b.step_ns / 1e9}
            for b in placement.breaks[:MAX_BREAKS]
        ],
        "contradictions": dict(timeline.contradictions),
        "rows": {
            "xray": int(rows.xray.size),
            "laser": int(rows.laser.size),
            "missing": _missing(rows.xray),
            "counter_wraps": rows.wraps,
            "counter_restarts": rows.restarts,
        },
        "walk": {
            "positions": measurement.walk.positions,
            "period": measurement.walk.period,
        },
        "summary": summary(
            measurement.verdicts, sum(timeline.contradictions.values())
        ),
    }  # fmt: skip


def _missing(numbers: Any) -> int:
    """Trigger numbers between the first and the last row that have no row."""
    return int(numbers[-1] - numbers[0] + 1 - numbers.size) if numbers.size else 0


def _clocks(run: Run, timeline: Timeline) -> list[Json]:
    placement = timeline.placement
    clock = placement.clock
    if clock is None or not placement.by_time:
        return []
    # The rate of the triggers' clock over the image clock; people ask the reverse.
    ppm = -placement.rate / (1 + placement.rate) * 1e6
    return [
        {
            "source": run.key.source if run.key else None,
            "against": timeline.reference.clock or "declared chains",
            "offset_ns": clock.origin_ns - clock.at_origin_ns,
            "ppm": round(ppm, 6),
            "ppm_now": round(-clock.ppm / (1 + clock.rate), 6),
            "sigma_ns": round(clock.sigma_ns, 1),
            "anchors": int((placement.residual_ns != NO_TIME).sum()),
            "last_anchor_ns": clock.last_ns,
            "alarm": abs(ppm) > ALARM_PPM,
        }
    ]


def chains_report(run: Run, measurement: Measurement) -> list[Json]:
    """Every chain as commanded, as measured, and where they differ."""
    chains = run.chains
    found = []
    for number, chain in enumerate(chains):
        answer = next((c for c in measurement.chains if c.chain == number), None)
        found.append(_chain(chain, answer, measurement.verdicts))
    for item in measurement.chains:
        if item.chain is None:
            none = Chain(item.name, item.scope)
            found.append(_chain(none, item, measurement.verdicts))
    return found


def _chain(
    chain: Chain, answer: MeasuredChain | None, verdicts: tuple[Verdict, ...]
) -> Json:
    return {
        "name": chain.name,
        "scope": chain.scope,
        "commanded": [commanded_json(event) for event in chain.events],
        "measured": [measured_json(e) for e in answer.events] if answer else [],
        "audit": [verdict_json(v) for v in verdicts if v.chain == chain.name],
    }


def commanded_json(event: ChainEvent) -> Json:
    """An event as it was declared."""
    return _pattern(event)


def _pattern(event: ChainEvent | MeasuredEvent) -> Json:
    """What an event is in either case."""
    names = ("name", "offset", "duration", "period", "repetition")
    return {"type": str(event.type), **{name: getattr(event, name) for name in names}}


def measured_json(event: MeasuredEvent) -> Json:
    """An event as it was seen; ``declared`` is the index of the one it answers to."""
    return {
        **_pattern(event),
        "seen": event.seen,
        "drops": event.repetition - event.seen,
        "jitter": event.jitter,
        "offset_sigma": event.offset_sigma,
        "irregular": event.irregular,
        "declared": event.declared,
    }


def verdict_json(verdict: Verdict) -> Json:
    """What the audit says of one event."""
    return {
        "event": verdict.title,
        "type": str(verdict.type),
        "verdict": verdict.state,
        "findings": list(verdict.findings),
        "offset_error": verdict.offset_error,
        "period_ppm": verdict.period_ppm,
        "seen": verdict.fired,
        "commanded": verdict.commanded,
    }
