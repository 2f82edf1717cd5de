"""Alarms of a run on the page: what changed, since when, what may be the cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from recorder.records.alarms import AlarmEvidence, RunAlarm
from recorder.records.run_report import RunReport
from recorder.reports.html.elements import Child, Element, el, pairs, table
from recorder.reports.html.numbers import clock, count, time_span, value

MOST = 50
"""Alarms of one run that are shown, the first ones: the rest are counted. A run has
some; chosen, not tuned."""
WORDS = {"red": "▲ ALARM", "amber": "◆ warning", "info": "● note"}
"""A severity by sign and word as well as by colour."""


def alarms(run: RunReport) -> tuple[Element, ...]:
    """Each alarm, in the order in which they were raised."""
    shown = tuple(map(_alarm, run.alarms[:MOST]))
    more = len(run.alarms) - len(shown)
    return (*shown, *([el("p", f"and {count(more)} more")] if more > 0 else []))


def _alarm(alarm: RunAlarm) -> Element:
    word = WORDS.get(alarm.severity, alarm.severity)
    return el(
        "div",
        el("p", el("strong", f"{word} {clock(alarm.raised)}"), f" {alarm.text}"),
        *_told("what changed", alarm.evidence),
        *(_hint(hint.text, hint.evidence) for hint in alarm.hints),
        pairs(_facts(alarm)),
        class_=f"alarm {alarm.severity}",
    )


def _facts(alarm: RunAlarm) -> Iterator[tuple[str, Child]]:
    kind = alarm.kind.replace("_", " ")
    yield "kind", f"{kind}: {alarm.level}" if alarm.level else kind
    yield "about", alarm.subject
    yield "changed since image", _image(alarm.since_image, alarm.since)
    yield "raised at image", _image(alarm.raised_image, alarm.raised)
    yield "over", over(alarm)
    yield "seen", f"by {alarm.seen_by}" if alarm.seen_by else "by nobody"


def _image(image: int | None, moment: str) -> str:
    where = "not told by images" if image is None else count(image)
    return f"{where}, {clock(moment)}"


def over(alarm: RunAlarm) -> str:
    """Whether an alarm ended, when, and why."""
    if alarm.cleared is None:
        return "no"
    lasted = _seconds(alarm.raised, alarm.cleared)
    after = "" if lasted is None else f" after {time_span(round(lasted, 1))}"
    because = f": {alarm.cleared_because.rstrip('.')}" if alarm.cleared_because else ""
    return f"{clock(alarm.cleared)}{after}{because}"


def _seconds(first: str, last: str) -> float | None:
    """From one time to another; None where one cannot be read or has no zone."""
    try:
        between = datetime.fromisoformat(last) - datetime.fromisoformat(first)
    except (ValueError, TypeError):
        return None
    return between.total_seconds()


def _hint(text: str, evidence: Sequence[AlarmEvidence]) -> Element:
    return el("div", el("p", text), *_told("what speaks for it", evidence))


def _told(title: str, evidence: Sequence[AlarmEvidence]) -> tuple[Element, ...]:
    rows = [
        (one.name, *(value(n, "", 4) or "" for n in (one.before, one.since, one.z)))
        for one in evidence
    ]
    return (table((title, "before", "since", "z"), rows),) if rows else ()
