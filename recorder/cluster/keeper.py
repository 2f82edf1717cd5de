"""What a dask worker loads: keeps one node on its host. Imported there only."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from distributed import Worker
from distributed.diagnostics.plugin import WorkerPlugin

from recorder.cluster.held import Program
from recorder.cluster.keeping import Keeper, NodePlace
from recorder.cluster.order import (
    NodeOrder,
    node_command,
    node_environment,
    node_folder,
)
from recorder.cluster.said import Said
from recorder.nodes.version import program


class NodeKeeper(WorkerPlugin):
    """Has one node run on the host of a dask worker, as many workers as its threads.

    It never raises: a plug-in that does keeps a dask worker from starting, which may
    do other people's work, too.

    Args:
        order: The fields of a :class:`~recorder.cluster.order.NodeOrder`; those that
            this version does not know are left out.
    """

    def __init__(self, order: Mapping[str, Any]) -> None:
        known = {k: v for k, v in order.items() if k in NodeOrder.__slots__}
        readable = tuple(known.pop("readable", ()))
        self._order = NodeOrder(**known, readable=readable)
        self._keeper: Keeper | None = None

    def setup(self, worker: Worker) -> None:
        """Begin; called on each dask worker, also on those that come later."""
        here = Said("other", socket.gethostname(), str(worker.name))

        def tell(said: Said) -> None:
            full = replace(said, host=here.host, name=here.name)
            worker.loop.add_callback(
                worker.log_event, self._order.label, full.message()
            )

        self._keeper = Keeper(self._place(worker), tell, self._other)
        self._keeper.start()

    def teardown(self, worker: Worker) -> None:
        """The dask worker ends, or the recorder asked anew: the node goes on."""
        if self._keeper is not None:
            self._keeper.stop()

    def _other(self) -> str | None:
        ours = program()  # reads the package: not in the worker's event loop
        return None if ours == self._order.version else ours

    def _place(self, worker: Worker) -> NodePlace:
        folder = node_folder(os.environ)
        own = worker.name if worker.name != worker.address else None
        command = node_command(
            self._order, None if own is None else str(own), worker.state.nthreads
        )
        return NodePlace(
            folder / f"{self._order.label}.lock",
            Program(
                command,
                node_environment(os.environ),
                folder / f"{self._order.label}.log",
            ),
        )
