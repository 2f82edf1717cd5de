"""Takes pulses and losses through their families; a cause is not looked for."""

from __future__ import annotations

from dataclasses import replace

from recorder.ssx.alarms.events import Event
from recorder.ssx.alarms.following import follow
from recorder.ssx.alarms.losses import LOSSES, follow_comb, loss_trials
from recorder.ssx.alarms.misfires import MISFIRES, follow_row, pulse_trials
from recorder.ssx.alarms.observation import Fates, Pulses
from recorder.ssx.alarms.state import RunState
from recorder.ssx.alarms.telling import Told, cleared, of_row, of_share, of_teeth


def follow_pulses(run: RunState, pulses: Pulses) -> tuple[RunState, list[Event]]:
    """Takes pulses of the laser in."""
    if not pulses.image_id.size:
        return run, []
    misfires, signals = follow(MISFIRES, run.misfires, pulse_trials(pulses))
    told = [of_share(run, MISFIRES, one) for one in signals]
    row, rows = follow_row(run.row, pulses)
    number = run.rows
    for one in rows:
        number += one.told and not one.never
        told.append(of_row(run, one, number))
    run = replace(run, misfires=misfires, row=row, rows=number)
    return run, _events(run, told)


def follow_fates(run: RunState, fates: Fates) -> tuple[RunState, list[Event]]:
    """Takes images in that came or were lost."""
    if not fates.image_id.size:
        return run, []
    losses, signals = follow(LOSSES, run.losses, loss_trials(fates))
    told = [of_share(run, LOSSES, one) for one in signals]
    comb, teeth = follow_comb(run.comb, fates)
    number = run.combs
    for one in teeth:
        number += one.told
        told.append(of_teeth(run, one, number))
    run = replace(run, losses=losses, comb=comb, combs=number)
    return run, _events(run, told)


def _events(run: RunState, told: list[Told]) -> list[Event]:
    """In the order of the images; a look finds nothing new here."""
    told = sorted(told, key=lambda one: (one.at_image, one.kind))
    return [one.raised or cleared(run, one) for one in told if not one.look]
