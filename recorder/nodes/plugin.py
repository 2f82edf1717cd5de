"""Engine ``nodes``: they are started by systemd, Slurm, Kubernetes or a person."""

from __future__ import annotations

from recorder.errors import ConfigError
from recorder.nodes.home import Home
from recorder.pool.protocols import EngineOptions, Work


class NodesEngine:
    """Nodes that connect by themselves."""

    name = "nodes"

    def make(self, work: Work, options: EngineOptions) -> Home:
        """See :class:`~recorder.pool.protocols.EnginePlugin`."""
        if options.cluster is None or options.cluster.listen is None:
            raise ConfigError(
                "engine nodes has no workers on this host: set cluster.listen to the "
                "address that nodes connect to, and leave pool.engine out"
            )
        return Home(work, options, options.cluster)


PLUGIN = NodesEngine()
