"""Other hosts that classify images, as the configuration wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

from recorder.config import Settings
from recorder.errors import ConfigError
from recorder.pool.protocols import (
    NO_PULLS,
    BatchEngine,
    BatchPlace,
    CheckedEngine,
    ClusterOptions,
    EngineOptions,
    Hands,
    Pulls,
    Work,
    engine_plugin,
)
from recorder.records import CheckLine


def cluster_options(settings: Settings) -> ClusterOptions | None:
    """Where nodes connect, and the engine is; None: no other host takes part."""
    section = settings.cluster
    if section.batch_engine_name is None:
        return None
    return ClusterOptions(
        listen=section.listen,
        keys=settings.cluster_keys if section.encrypted else None,
        state=settings.state_directory / "cluster",
        scheduler=section.scheduler,
        tls=section.tls,
        pulls=Pulls(settings.pulled, section.node_hold_mb << 20),
    )


def cluster_of(
    settings: Settings,
    kept_setups: int,
    readable: tuple[Path, ...] = (),
    *,
    live: bool = True,
) -> Callable[[Work], Hands] | None:
    """Makes the hands of other hosts; None: none takes part.

    Args:
        settings: The configuration.
        kept_setups: Setups that a worker keeps ready.
        readable: Folders with files in which images may lie that do not travel.
        live: Detectors are received from; a replay takes no image away from them.

    Raises:
        ConfigError: The engine cannot be used.
    """
    name, cluster = settings.cluster.engine_name, cluster_options(settings)
    if name is None or cluster is None:
        return None
    if not live:
        cluster = replace(cluster, pulls=NO_PULLS)
    plugin = engine_plugin(name)
    timeout_s = settings.pool.worker_timeout_s
    options = EngineOptions(0, timeout_s, kept_setups, cluster, readable)
    return lambda work: plugin.make(work, options)


async def engine_lines(settings: Settings) -> Sequence[CheckLine]:
    """What the engine of other hosts finds, for `recorder check`; nothing without one.

    Raises:
        ConfigError: It cannot be used.
    """
    name, cluster = settings.cluster.batch_engine_name, cluster_options(settings)
    if name is None or cluster is None:
        return []
    plugin = engine_plugin(name)
    if not isinstance(plugin, CheckedEngine):
        return []
    timeout_s = settings.pool.worker_timeout_s
    return await plugin.check(EngineOptions(0, timeout_s, 2, cluster))


def require_engine(settings: Settings) -> None:
    """See that images of one run can be done by other hosts.

    Raises:
        ConfigError: They cannot.
    """
    if settings.cluster.engine_name is None:
        raise ConfigError(
            "--cluster with the images of one file needs an address that nodes connect "
            "to: set cluster.listen, or replay on this host"
        )


def batch_place_of(settings: Settings) -> AbstractAsyncContextManager[BatchPlace]:
    """Where the engine of the configuration has the tasks of a batch done.

    Raises:
        ConfigError: It has no such place, or there is no engine.
    """
    name = settings.cluster.batch_engine_name
    if name is None:
        raise ConfigError(
            "--cluster with many files needs an engine that starts them: set "
            "cluster.engine, or replay on this host (--jobs)"
        )
    plugin = engine_plugin(name)
    if not isinstance(plugin, BatchEngine):
        raise ConfigError(
            f"engine {name} has images of one run classified, but starts no replays: "
            "give one file, set another cluster.engine, or use --jobs"
        )
    timeout_s = settings.pool.worker_timeout_s
    return plugin.batch(EngineOptions(0, timeout_s, 2, cluster_options(settings)))
