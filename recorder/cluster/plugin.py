"""Engine ``dask``: nodes, which dask starts; dask itself is imported elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from recorder.cluster.batch import dask_batch
from recorder.cluster.checking import cluster_lines
from recorder.cluster.dask_process import require_dask
from recorder.cluster.order import NodeOrder
from recorder.cluster.placing import Placing
from recorder.cluster.scheduler import SchedulerAddress, scheduler_address
from recorder.config.cluster import stays_here
from recorder.config.endpoints import parse_endpoint
from recorder.errors import ConfigError
from recorder.nodes.home import Home
from recorder.nodes.version import program
from recorder.pool.protocols import BatchPlace, ClusterOptions, EngineOptions, Work
from recorder.records import CheckLine
from recorder.records.live_node import LiveNode
from recorder.runtime.log import current


class DaskHands:
    """Has jobs done by nodes, and nodes placed by dask.

    Args:
        home: What has the jobs done.
        placing: What has the nodes placed.
    """

    def __init__(self, home: Home, placing: Placing) -> None:
        self._home = home
        self._placing = placing
        # nodes that dask starts receive from detectors like any others
        self.deliver_to = home.deliver_to
        self.pulled = home.pulled
        self.fetch = home.fetch
        self.stop_receiving = home.stop_receiving

    @property
    def replaced(self) -> int:
        """Nodes that were lost."""
        return self._home.replaced

    def nodes(self) -> tuple[LiveNode, ...]:
        """The nodes, those that cannot be placed, too."""
        there = self._home.nodes()
        names = {node.name for node in there}
        missing = (n for n in self._placing.missing() if n.name not in names)
        return (*there, *missing)

    async def run(self) -> None:
        """Work until cancelled; the nodes go on."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._home.run(), name="home")
            group.create_task(self._placing.run(), name="dask-placing")


class DaskEngine:
    """Nodes on the hosts of a dask cluster."""

    name = "dask"

    def make(self, work: Work, options: EngineOptions) -> DaskHands:
        """See :class:`~recorder.pool.protocols.EnginePlugin`."""
        cluster = _cluster(options)
        require_dask()
        address = _address(cluster)
        if cluster.listen is None:
            raise ConfigError(
                "engine dask starts nodes, which need an address: set cluster.listen"
            )
        order = NodeOrder(
            connect=cluster.listen,
            version=program(),
            encrypted=cluster.keys is not None,
            readable=tuple(map(str, options.readable)),
            level=current()[0],
        )
        return DaskHands(Home(work, options, cluster), Placing(address, order))

    def batch(self, options: EngineOptions) -> AbstractAsyncContextManager[BatchPlace]:
        """See :class:`~recorder.pool.protocols.BatchEngine`."""
        require_dask()
        cluster = _cluster(options)
        return dask_batch(scheduler_address(cluster.scheduler, cluster.tls))

    async def check(self, options: EngineOptions) -> Sequence[CheckLine]:
        """See :class:`~recorder.pool.protocols.CheckedEngine`."""
        require_dask()
        return await cluster_lines(_address(_cluster(options)))


def _cluster(options: EngineOptions) -> ClusterOptions:
    if options.cluster is None:
        raise ConfigError(
            "engine dask has no workers on this host: set cluster.engine, listen and "
            "scheduler, and leave pool.engine out"
        )
    return options.cluster


def _address(cluster: ClusterOptions) -> SchedulerAddress:
    """The scheduler, whose hosts must be able to reach us.

    Raises:
        ConfigError: They cannot.
    """
    address = scheduler_address(cluster.scheduler, cluster.tls)
    listen = cluster.listen
    if listen is None or address.local:
        return address
    if stays_here(parse_endpoint(listen)):
        raise ConfigError(
            f"cluster.listen = {listen!r} is reached from this host only, but "
            f"the scheduler is at {address.text}: write an address of this host that "
            "others reach, or tcp://0.0.0.0:PORT"
        )
    return address


PLUGIN = DaskEngine()
