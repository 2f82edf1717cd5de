"""Event chains on the page: commanded, measured, verdict; and the timeline."""

from __future__ import annotations

from recorder.records.run_report import RunReport
from recorder.records.timeline_report import (
    AuditVerdict,
    ChainReport,
    CommandedEvent,
    EventAudit,
    SeenEvent,
)
from recorder.reports.html.elements import Child, Element, el, pairs, table
from recorder.reports.html.numbers import count, time_span, value

_HEAD = ("", "offset", "type", "name", "duration", "period", "repetition", "seen")


def chains(run: RunReport) -> tuple[Element, ...]:
    """Each chain as two tables: events as commanded and measured, and the verdicts."""
    return tuple(part for chain in run.told_chains for part in _chain(chain))


def _chain(chain: ChainReport) -> tuple[Element, ...]:
    rows: list[tuple[Child, ...]] = []
    for number, event in enumerate(chain.commanded):
        rows.append(_row("commanded", event))
        rows += [
            _row("measured", seen) for seen in chain.measured if seen.declared == number
        ]
    rows += [_row("measured", seen) for seen in chain.measured if seen.declared is None]
    verdicts = table(
        ("event", "verdict", "findings", "offset error", "period", "seen"),
        map(_verdict, chain.audit),
    )
    name = f"{chain.name} ({chain.scope})"
    return el("h4", name), table(_HEAD, rows), verdicts


def _row(what: str, event: CommandedEvent | SeenEvent) -> tuple[Child, ...]:
    seen = ""
    if isinstance(event, SeenEvent):
        seen = f"{count(event.seen)}, jitter {time_span(event.jitter)}"
    return (
        what,
        time_span(event.offset),
        str(event.type),
        event.name or "",
        time_span(event.duration) or "",
        time_span(event.period) or "",
        "" if event.repetition is None else count(event.repetition),
        seen,
    )


def _verdict(item: EventAudit) -> tuple[Child, ...]:
    good = item.verdict is AuditVerdict.OK
    seen = "" if item.seen is None else f"{count(item.seen)} of {count(item.commanded)}"
    style = (
        "good" if good else "quiet" if item.verdict is AuditVerdict.UNSEEN else "bad"
    )
    return (
        item.event,
        el("span", str(item.verdict), class_=style),
        "; ".join(item.findings),
        time_span(item.offset_error) or "",
        value(item.period_ppm, "ppm", 4) or "",
        seen,
    )


def timeline(run: RunReport) -> tuple[Element, ...]:
    """How images, triggers and clocks belong together."""
    known = run.timeline
    clocks = table(
        ("clock", "against", "rate", "sigma", "anchors", ""),
        (
            (
                clock.source or "",
                clock.against,
                f"{clock.ppm:+.3f} ppm",
                f"{clock.sigma_ns:.0f} ns",
                count(clock.anchors),
                el("span", "ALARM", class_="bad") if clock.alarm else "",
            )
            for clock in known.clocks
        ),
    )
    breaks = table(
        ("before image", "break", "", "step"),
        (
            (
                str(item.image_id),
                str(item.kind),
                "resolved" if item.resolved else "unknown from there on",
                time_span(item.step) if item.step else "",
            )
            for item in known.breaks
        ),
    )
    told = pairs(
        (
            ("first trigger", str(known.start)),
            ("triggers", count(known.triggers)),
            ("numbered by", known.ordinals_by),
            *((f"images {k}", count(n)) for k, n in known.contradictions.items()),
            ("summary", known.summary),
        )
    )
    return told, clocks, breaks
