"""The plug-in as it travels: words that any dask worker can read.

Dask sends plug-ins as pickles. One that names a class of ours ends a dask worker that
comes later and has no recorder installed; one that brings its code along ends a worker
of another Python. So this one brings a text, which each Python compiles for itself.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from distributed.diagnostics.plugin import WorkerPlugin

from recorder.cluster.order import NodeOrder

LOADER = """
def load(order):
    import socket
    from distributed.diagnostics.plugin import WorkerPlugin
    try:
        from recorder.cluster.keeper import NodeKeeper
        return NodeKeeper(order)
    except (ImportError, TypeError) as error:
        problem = str(error)
    class Absent(WorkerPlugin):
        def setup(self, worker):
            said = {
                "what": "absent",
                "host": socket.gethostname(),
                "name": str(worker.name),
                "text": problem,
            }
            worker.log_event(order["label"], said)
    return Absent()
"""
"""Loads the keeper of a host, or one that says why there is none."""
_EXPRESSION = "(lambda names: (exec(names['text'], names), names['load'])[1])"


class Traveller(WorkerPlugin):
    """Becomes a :class:`~recorder.cluster.keeper.NodeKeeper` where it arrives.

    Args:
        order: What is to run there.
    """

    def __init__(self, order: NodeOrder) -> None:
        self._order = {**asdict(order), "label": order.label}

    def __reduce__(self) -> tuple[Any, ...]:
        text = f"{_EXPRESSION}({{'text': {LOADER!r}}})({self._order!r})"
        return (eval, (text,))
