"""Records of detectors that nodes receive from, on their way to the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recorder.records import DetectorRecord, SeriesStart
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
        self._untold: dict[str, list[tuple[str, str]]] = {}
        """Nodes that were lost, and why, by detector, while its series had no run."""

    def put(self, record: DetectorRecord) -> None:
        """A record, in its order."""
        if isinstance(record, SeriesStart):
            self._untold.pop(record.key.source, None)
        with boundary(f"handle {type(record).__name__}"):
            self._pipeline.feed(record)
        for source, lost in list(self._untold.items()):
            told = [self._tell(node, source, why) for node, why in lost]
            if any(told):
                del self._untold[source]

    def node_lost(self, node: str, sources: Sequence[str], why: str) -> None:
        """Say in the runs that go on what the loss of a node cost them.

        A series that waits for its announcement has no run yet: it is told later.
        """
        for source in sources:
            if not self._tell(node, source, why):
                self._untold.setdefault(source, []).append((node, why))

    def _tell(self, node: str, source: str, why: str) -> bool:
        """False if no run of the detector goes on."""
        told = False
        for run in self._pipeline.book.active:
            if run.key is None or run.key.source != source or run.final:
                continue
            told = True
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
        return told
