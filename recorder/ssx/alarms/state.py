"""All that the alarms remember; it goes to JSON and back without loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recorder.ssx.alarms.baseline import Baseline
from recorder.ssx.alarms.chip_blocks import ChipState, new_chip
from recorder.ssx.alarms.codec import from_json, to_json
from recorder.ssx.alarms.events import AlarmRaised
from recorder.ssx.alarms.history import History, no_history
from recorder.ssx.alarms.hit_rate import HIT_RATE
from recorder.ssx.alarms.index_rate import INDEX_RATE
from recorder.ssx.alarms.judging import JudgeState
from recorder.ssx.alarms.limits import Slope
from recorder.ssx.alarms.losses import LOSSES, Comb
from recorder.ssx.alarms.medians import MEDIANS, MedianState, new_median
from recorder.ssx.alarms.misfires import MISFIRES, RowOfMisfires
from recorder.ssx.alarms.rates import RateState, new_rate
from recorder.ssx.alarms.rings import RINGS
from recorder.ssx.alarms.rules import Coming
from recorder.ssx.alarms.several import SeveralState, new_several

VERSION = 1
"""Of the JSON; a state of another version is not read."""


@dataclass(frozen=True, slots=True)
class Before:
    """What a run leaves to the next of its sample."""

    sample: str
    hits: Baseline
    indexed: Baseline


@dataclass(frozen=True, slots=True)
class RunState:
    """What is known of the run that goes on."""

    uid: str
    sample: str | None
    hits: RateState
    indexed: RateState
    several: SeveralState = field(default_factory=new_several)
    rings: RateState = field(default_factory=lambda: new_rate(RINGS))
    chip: ChipState = field(default_factory=new_chip)
    misfires: RateState = field(default_factory=lambda: new_rate(MISFIRES))
    row: RowOfMisfires = field(default_factory=RowOfMisfires)
    losses: RateState = field(default_factory=lambda: new_rate(LOSSES))
    comb: Comb = field(default_factory=Comb)
    medians: tuple[MedianState, ...] = field(
        default_factory=lambda: tuple(map(new_median, MEDIANS))
    )
    rows: int = 0
    combs: int = 0
    """Alarms so far of misfires in a row, and of a second client."""
    history: History = field(default_factory=no_history)


@dataclass(frozen=True, slots=True)
class AlarmState:
    """The state of all alarms; begin with ``AlarmState()``."""

    run: RunState | None = None
    before: Before | None = None
    judged: JudgeState = field(default_factory=JudgeState)
    slope: Slope = field(default_factory=Slope)
    coming: Coming = field(default_factory=Coming)
    standing: tuple[AlarmRaised, ...] = ()
    """Alarms that were raised and are not over, with their newest words."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; some 100 kB in a run of ten minutes or more."""
        return {"version": VERSION, "state": to_json(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> AlarmState:
        """The state that :meth:`to_json` made plain.

        Raises:
            ValueError: It is none, or one of another version: begin anew.
        """
        if not isinstance(value, dict) or value.get("version") != VERSION:
            raise ValueError("no state of alarms of this version")
        return from_json(cls, value.get("state"))


def new_run(uid: str, sample: str | None, before: Before | None) -> RunState:
    """The state at the start of a run.

    Args:
        uid: Of the run.
        sample: Its sample; None is not known.
        before: What the run before left, of any sample.
    """
    known = before if before is not None and before.sample == sample else None
    return RunState(
        uid,
        sample,
        new_rate(HIT_RATE, known.hits if known else None),
        new_rate(INDEX_RATE, known.indexed if known else None),
    )


def left_by(run: RunState, before: Before | None) -> Before | None:
    """What a run leaves; a run that learned nothing leaves what was before."""
    known = run.hits.baseline
    if run.sample is None or (known.trials < known.renew_at and not known.armed):
        return before
    return Before(run.sample, known, run.indexed.baseline)
