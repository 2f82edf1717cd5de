"""What labels say of single images: their pump state, and whether the laser fired."""

from __future__ import annotations

import numpy as np

from recorder.live.pump_counts import PumpCounts
from recorder.ssx.alarms import observation as alarms
from recorder.ssx.alarms.observation import Pulses, no_pulses
from recorder.ssx.arrays import Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.labels.timeline import DARK, LIGHT, PUMPS, UNKNOWN
from recorder.ssx.triggers.trigger_table import CAPTURED

_STATES = np.full(len(PUMPS), alarms.UNKNOWN, np.int64)
_STATES[LIGHT], _STATES[DARK] = alarms.LIGHT, alarms.DARK


class PulseFlow:
    """Hands over each pulse that was due once, in the order of images.

    Args:
        next_image: Pulses of images before this one were handed over.
    """

    def __init__(self, next_image: int = 0) -> None:
        self.next_image = next_image

    def take(self, pump: PumpCounts, time_s: float) -> Pulses:
        """Pulses that are settled since the last call.

        Args:
            pump: The labels of the run.
            time_s: Unix time at which they count.
        """
        if not pump.follows:
            return no_pulses()
        ids, labels = pump.told_from(self.next_image)
        self.next_image = max(self.next_image, pump.settled_to or 0)
        due = labels["declared"] == LIGHT
        due &= (labels["evidence"] >= CAPTURED) & (labels["pump"] != UNKNOWN)
        times = np.full(int(due.sum()), time_s)
        fired = np.asarray(labels["pump"][due] == LIGHT, np.bool_)
        return Pulses(ids[due], times, fired)


def pump_states(pump: PumpCounts, ids: Int64Array) -> Int64Array:
    """LIGHT, DARK or UNKNOWN of the alarms, as known now.

    Args:
        pump: The labels of the run.
        ids: image_ids, ascending, shape (n,), n > 0.
    """
    return _STATES[_label(pump, ids, "pump", UNKNOWN)]


def triggers(pump: PumpCounts, ids: Int64Array) -> Int64Array:
    """The trigger of each image, NO_ORDINAL where it is not known now.

    Args:
        pump: The labels of the run.
        ids: image_ids, ascending, shape (n,), n > 0.
    """
    return _label(pump, ids, "ordinal", NO_ORDINAL)


def _label(pump: PumpCounts, ids: Int64Array, name: str, unknown: int) -> Int64Array:
    found = np.full(ids.size, unknown, np.int64)
    told, labels = pump.told_from(int(ids[0]))
    place = np.searchsorted(told, ids)
    here = place < told.size
    here[here] = told[place[here]] == ids[here]
    found[here] = labels[name][place[here]]
    return found
