"""Says once for each run and cause that a sink refuses its records."""

from __future__ import annotations

from collections import OrderedDict

from recorder.errors import SinkError, SinkFollowsError
from recorder.journal import Record
from recorder.runtime.log import get_logger

log = get_logger("sinks")

KNOWN_RUNS = 1000
"""Runs whose refusals are remembered, about 1 kB each; one that is forgotten is told
again. Chosen, not tuned."""
CAUSES = 5
"""Causes of one run that are told: errors whose texts all differ are one trouble, too.
Chosen, not tuned."""


class Refusals:
    """What was said of a sink's refusals.

    A run that goes on is described anew every few seconds: what is refused once is
    refused each time. The journal has every refusal; the log has one line.

    Args:
        sink: Name of the sink.
    """

    def __init__(self, sink: str) -> None:
        self._sink = sink
        self._told: OrderedDict[str | None, set[str]] = OrderedDict()
        self.total = 0
        """Records refused since the start."""

    def tell(self, record: Record, error: SinkError) -> None:
        """Log a refusal, unless it says nothing new.

        Args:
            record: What was refused.
            error: Why.
        """
        self.total += 1
        told = self._told.setdefault(record.run, set())
        self._told.move_to_end(record.run)
        if len(self._told) > KNOWN_RUNS:
            self._told.popitem(last=False)
        follows = isinstance(error, SinkFollowsError) and told
        if str(error) in told or follows or len(told) >= CAUSES:
            return
        told.add(str(error))
        log.error(
            "record_parked",
            sink=self._sink,
            run=record.run,
            seq=record.seq,
            error=str(error),
            parked=self.total,
            hint="further records of this run that are refused for the same cause are "
            "counted, not logged: `recorder spool ls`",
        )
