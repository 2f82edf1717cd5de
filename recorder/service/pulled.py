"""Records of detectors that nodes receive from, on their way to the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recorder.records import DetectorRecord
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.service.pipeline import Pipeline

log = get_logger("sources")


class PulledRecords:
    """See :class:`recorder.pool.protocols.PulledPort`.

    Args:
        pipeline: Takes the records.
        held: Says whether nothing may be taken for now.
    """

    def __init__(self, pipeline: Pipeline, held: Callable[[], bool]) -> None:
        self._pipeline = pipeline
        self.held = held

    def put(self, record: DetectorRecord) -> None:
        """A record, in its order."""
        with boundary(f"handle {type(record).__name__}"):
            self._pipeline.feed(record)

    def node_lost(self, node: str, sources: Sequence[str], why: str) -> None:
        """Say in the runs that go on what the loss of a node cost them."""
        for run in self._pipeline.book.active:
            if run.key is None or run.key.source not in sources or run.final:
                continue
            run.note(
                f"node {node} was lost while it received from {run.key.source} ({why}):"
                " images that it had received and not finished are worker_lost, and "
                "images that it had not yet reported are lost"
            )
            log.error(
                "pulling_node_lost",
                node=node,
                source=run.key.source,
                run=run.number,
                uid=run.uid,
                error=why,
                hint="what the detector had sent to it is gone; see the run's ledger",
            )
