"""What families have to say, as alarms: before a cause is looked for."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.ssx.alarms.events import AlarmCleared, AlarmRaised, Hint, Severity
from recorder.ssx.alarms.losses import Teeth
from recorder.ssx.alarms.medians import MedianSignal
from recorder.ssx.alarms.misfires import Row
from recorder.ssx.alarms.rates import RateSpec, Said, Signal
from recorder.ssx.alarms.state import RunState
from recorder.ssx.alarms.wording import median_text, row_text, share_text, teeth_text

RECOVERED = "It recovered."
"""Why most alarms are cleared."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something to say about one alarm, before a cause was looked for."""

    raised: AlarmRaised | None
    """None: it is cleared."""
    number: int
    kind: str
    at_image: int
    at_s: float
    look: bool = False
    hints: tuple[Hint, ...] = ()


def of_share(run: RunState, spec: RateSpec, signal: Signal) -> Told:
    """A signal of a share as an alarm without hints."""
    place = signal.number, spec.kind, signal.at_image, signal.at_s
    if signal.said is Said.CLEARED:
        return Told(None, *place)
    level = spec.levels[signal.level]
    raised = AlarmRaised(
        id=f"{spec.kind}/{signal.number}",
        kind=spec.kind,
        level=level.name,
        severity=level.severity,
        run_uid=run.uid,
        subject="",
        since_image=signal.since.image_id,
        since_time_s=signal.since.time_s,
        at_image=signal.at_image,
        at_time_s=signal.at_s,
        text=share_text(spec.kind, signal),
        evidence=(),
        hints=(),
    )
    return Told(raised, *place, look=signal.said is Said.LOOK)


def of_median(
    run: RunState, kind: str, severity: Severity, signal: MedianSignal
) -> Told:
    """A signal of a quantity as an alarm without hints."""
    place = signal.number, kind, signal.at_image, signal.at_s
    if signal.said is Said.CLEARED:
        return Told(None, *place)
    raised = AlarmRaised(
        id=f"{kind}/{signal.number}",
        kind=kind,
        level="",
        severity=severity,
        run_uid=run.uid,
        subject="",
        since_image=signal.standing.since_image,
        since_time_s=signal.standing.since_s,
        at_image=signal.at_image,
        at_time_s=signal.at_s,
        text=median_text(kind, signal),
        evidence=(),
        hints=(),
    )
    return Told(raised, *place, look=signal.said is Said.LOOK)


IN_A_ROW, SECOND_CLIENT = "misfires_in_a_row", "second_client"


def of_row(run: RunState, row: Row, number: int) -> Told:
    """A row of misfires as an alarm."""
    place = number, IN_A_ROW, row.at_image, row.at_s
    if not row.told:
        return Told(None, *place)
    level = "never" if row.never else ""
    since = row.first_image, row.first_s
    return Told(_plain(run, place, level, since, row_text(row)), *place)


def of_teeth(run: RunState, teeth: Teeth, number: int) -> Told:
    """A comb of losses as an alarm."""
    place = number, SECOND_CLIENT, teeth.at_image, teeth.at_s
    if not teeth.told:
        return Told(None, *place)
    since = teeth.since_image, teeth.since_s
    return Told(_plain(run, place, "", since, teeth_text(teeth)), *place)


def _plain(
    run: RunState,
    place: tuple[int, str, int, float],
    level: str,
    since: tuple[int, float],
    text: str,
) -> AlarmRaised:
    number, kind, at_image, at_s = place
    return AlarmRaised(
        id=f"{kind}/{number}",
        kind=kind,
        level=level,
        severity=Severity.RED,
        run_uid=run.uid,
        subject="",
        since_image=since[0],
        since_time_s=since[1],
        at_image=at_image,
        at_time_s=at_s,
        text=text,
        evidence=(),
        hints=(),
    )


def cleared(run: RunState, told: Told) -> AlarmCleared:
    """The end of an alarm."""
    return AlarmCleared(
        f"{told.kind}/{told.number}",
        told.kind,
        run.uid,
        told.at_image,
        told.at_s,
        RECOVERED,
    )
