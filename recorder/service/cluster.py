"""Other hosts that classify images, as the configuration wants them."""

from __future__ import annotations

from collections.abc import Callable

from recorder.config import Settings
from recorder.pool.protocols import (
    ClusterOptions,
    EngineOptions,
    Hands,
    Work,
    engine_plugin,
)


def cluster_options(settings: Settings) -> ClusterOptions | None:
    """Where nodes connect; None: no other host takes part."""
    section = settings.cluster
    if section.listen is None:
        return None
    return ClusterOptions(
        listen=section.listen,
        keys=settings.cluster_keys if section.encrypted else None,
        state=settings.state_directory / "cluster",
    )


def cluster_of(settings: Settings, kept_setups: int) -> Callable[[Work], Hands] | None:
    """Makes the hands of other hosts; None: none takes part.

    Args:
        settings: The configuration.
        kept_setups: Setups that a worker keeps ready.

    Raises:
        ConfigError: The engine cannot be used.
    """
    name, cluster = settings.cluster.engine_name, cluster_options(settings)
    if name is None or cluster is None:
        return None
    plugin = engine_plugin(name)
    options = EngineOptions(0, settings.pool.worker_timeout_s, kept_setups, cluster)
    return lambda work: plugin.make(work, options)
