"""What of a run the database cannot hold: left out, said once, the rest is written."""

from __future__ import annotations

from collections import OrderedDict

from recorder.errors import shown
from recorder.runtime.log import get_logger

log = get_logger("ispyb")

REMEMBERED = 1000
"""Values that count as said: a run is written many times. Chosen, not tuned."""


class LeftOut:
    """Says each value once, as long as the sink stays open."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, str], None] = OrderedDict()

    def say(self, what: str, value: str, hint: str) -> None:
        """Say that a value is not written.

        Args:
            what: Where it would stand, or what it belongs to.
            value: As it was announced.
            hint: What to do.
        """
        key = (what, value)
        if key not in self._said:
            log.warning("value_left_out", what=what, value=shown(value), hint=hint)
        self._said[key] = None
        self._said.move_to_end(key)
        while len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
