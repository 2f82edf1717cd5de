"""Has dask place nodes, and says in our log what becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from recorder.cluster.dask_process import DaskProcess, dask_process
from recorder.cluster.order import NodeOrder
from recorder.cluster.said import Said, read_said
from recorder.cluster.scheduler import SchedulerAddress
from recorder.foreign_text import plain
from recorder.records import Json
from recorder.records.live_node import LiveNode
from recorder.runtime.log import get_logger

log = get_logger("cluster")

FIRST_PAUSE_S = 1.0
"""Seconds before dask's process is started again after it ended. Chosen, not tuned."""
LONGEST_PAUSE_S = 30.0
"""The longest such pause: a start costs 1 s of CPU. Chosen, not tuned."""
GOES_ON = "nodes that run go on, and the run with them; tried again every few seconds"

MISSING = 100
"""Nodes that cannot be placed of which the page knows. Chosen, not tuned."""
HINTS = {
    "ended": "it is started again after a pause that grows up to a minute; its log "
    "lies on that host, in the folder of its lock",
    "failed": "mend it on that host; it is tried again",
    "absent": "install ssx-recorder[cluster] for the dask worker's Python, then "
    "start the dask worker again",
    "other": "install the same package as here, then start the dask worker again",
}
"""What to do, by what was said."""


class Placing:
    """Has nodes placed until cancelled, whatever becomes of the scheduler.

    Args:
        address: The scheduler.
        order: What is to run on each host.
    """

    def __init__(self, address: SchedulerAddress, order: NodeOrder) -> None:
        self._address = address
        self._order = order
        self._problem = ""
        self._missing: dict[str, LiveNode] = {}

    async def run(self) -> None:
        """Work until cancelled; then tell the scheduler to place no more."""
        pause = FIRST_PAUSE_S
        while True:
            async with dask_process(order_of(self._address, self._order)) as process:
                if await self._hear(process):
                    pause = FIRST_PAUSE_S
                code = await process.ended()
            self._lost(f"dask's process ended with exit code {code}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def missing(self) -> tuple[LiveNode, ...]:
        """Nodes that should be there and cannot be placed, and a lost scheduler."""
        lost = LiveNode(
            name="dask scheduler",
            host=self._address.host,
            state="away",
            problem=f"{self._problem}; {GOES_ON}",
        )
        return (*([lost] if self._problem else []), *self._missing.values())

    async def _hear(self, process: DaskProcess) -> bool:
        """What it says, until it ends: whether it was of use."""
        useful = False
        async for line in process.lines():
            word = line["word"]
            if word == "ready":
                useful = True
                self._ready(line)
            elif word in ("lost", "refused"):
                self._lost(str(line["text"]))
            elif word == "node" and (said := read_said(line)) is not None:
                self._heard(said)
        return useful

    def _heard(self, said: Said) -> None:
        tell(said)
        self._missing.pop(said.name, None)
        if said.what not in ("started", "found") and len(self._missing) < MISSING:
            self._missing[said.name] = LiveNode(
                name=said.name,
                host=said.host,
                state="failing",
                problem=f"{said.text or said.what}; {HINTS[said.what]}",
            )

    def _ready(self, line: Json) -> None:
        self._problem = ""
        log.info(
            "engine_ready",
            scheduler=self._address.text,
            scheduler_id=line["scheduler"],
            workers=len(line["workers"]),
            connect=line["node"],
        )

    def _lost(self, text: str) -> None:
        """Said once, not with each attempt."""
        text = plain(text)
        if self._problem != text:
            self._problem = text
            log.error(
                "engine_lost",
                scheduler=self._address.text,
                error=text,
                hint=GOES_ON,
            )


def order_of(address: SchedulerAddress, node: NodeOrder) -> Json:
    """What dask's process is asked to do."""
    return {"do": "place", **where(address), "node": asdict(node)}


def where(address: SchedulerAddress) -> Json:
    """A scheduler, for dask's process."""
    tls = None if address.tls is None else str(address.tls)
    return {"host": address.host, "port": address.port, "tls": tls}


def tell(said: Said) -> None:
    """What a host says of its node, into our log."""
    if said.what in ("started", "found"):
        log.info(
            "node_placed",
            host=said.host,
            dask_worker=said.name,
            pid=said.pid,
            how=said.what,
        )
    elif said.what == "ended":
        log.warning(
            "node_ended",
            host=said.host,
            dask_worker=said.name,
            pid=said.pid,
            exit_code=said.code,
            error=said.text,
            hint=HINTS[said.what],
        )
    else:
        log.warning(
            "node_not_placed",
            host=said.host,
            dask_worker=said.name,
            error=said.text or said.what,
            hint=HINTS[said.what],
        )
