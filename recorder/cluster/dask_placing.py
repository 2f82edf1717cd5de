"""Keeps our plug-in registered with a scheduler, whichever it is now.

Runs in dask's own process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from distributed import Client
from distributed.utils import get_ip, get_ipv6

from recorder.cluster.dask_link import (
    ANSWER_S,
    SchedulerLostError,
    connected,
    look,
    reaching,
)
from recorder.cluster.dask_plugin import Traveller
from recorder.cluster.order import NodeOrder
from recorder.cluster.said import read_said
from recorder.cluster.scheduler import SchedulerAddress
from recorder.config.endpoints import parse_endpoint

AGAIN_S = 3.0
"""Seconds between two attempts to reach a scheduler that is lost: nodes work meanwhile,
so only hosts that come in that time wait. Chosen, not tuned; an attempt costs 1 ms
where nothing listens."""
LOOK_S = 2.0
"""Seconds between two questions whether it is still the same scheduler. Chosen, not
tuned; a question costs 3 ms."""
ANYWHERE = ("*", "0.0.0.0", "::")
"""Hosts of an address at which a recorder listens on all its networks."""
Say = Callable[..., None]


def place(
    address: SchedulerAddress, order: NodeOrder, say: Say, ended: threading.Event
) -> None:
    """Have nodes placed until ``ended``.

    Args:
        address: The scheduler.
        order: What is to run on each host; an address that stands for all networks of
            this host becomes the one that the scheduler sees.
        say: Gets what happens: a word and its details.
        ended: Set when there is to be an end.
    """
    while not ended.is_set():
        try:
            with connected(address, "recorder") as client:
                _follow(client, _reachable(order, address), say, ended)
        except SchedulerLostError as error:
            say("lost", text=str(error))
            ended.wait(AGAIN_S)


def _follow(client: Client, order: NodeOrder, say: Say, ended: threading.Event) -> None:
    """Register, then watch until the end.

    Raises:
        SchedulerLostError: It is lost, or another one.
    """

    def heard(event: tuple[float, Any]) -> None:
        said = read_said(event[1])
        if said is not None:
            say("node", **said.message())

    first = look(client)
    label = order.label
    reaching(lambda: client.subscribe_topic(label, heard))
    reaching(lambda: client.register_plugin(Traveller(order), name=label))
    say("ready", scheduler=first.identity, workers=first.workers, node=order.connect)
    while not ended.wait(LOOK_S):
        if look(client).identity != first.identity:
            raise SchedulerLostError("it is another scheduler than before")
    scheduler: Any = client.scheduler
    ask = scheduler.unregister_worker_plugin
    reaching(lambda: client.sync(ask, name=label, callback_timeout=ANSWER_S))


def _reachable(order: NodeOrder, address: SchedulerAddress) -> NodeOrder:
    """With the address of this host that others see, where it names none."""
    peer = parse_endpoint(order.connect)
    if peer.host not in ANYWHERE:
        return order
    own = reaching(
        lambda: (get_ipv6 if ":" in address.host else get_ip)(address.host, 80)
    )
    host = f"[{own}]" if ":" in own else own
    return replace(order, connect=f"tcp://{host}:{peer.port}")
