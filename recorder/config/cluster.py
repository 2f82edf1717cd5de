"""Other hosts that classify images: where their nodes connect, and with which keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from recorder.config.by_kind import EngineName
from recorder.config.endpoints import Endpoint, is_loopback_address, parse_endpoint
from recorder.config.section import Section
from recorder.config.sources import DetectorSection
from recorder.config.values import MAX_MB, FilePath

_WRITE = "write it as tcp://ADDRESS:PORT, such as tcp://192.168.1.10:9998"


NODES = "nodes"
"""The engine whose nodes connect by themselves: it needs an address."""


def _check_listen(text: str) -> str:
    if parse_endpoint(text).scheme == "inproc" or ";" in text:
        raise ValueError(f"is no address that other hosts reach: {_WRITE}")
    return text


def stays_here(endpoint: Endpoint) -> bool:
    """Whether what is sent there never leaves this host."""
    return endpoint.scheme == "ipc" or is_loopback_address(endpoint.host)


class ClusterSection(Section):
    """Other hosts that classify images, beside the workers of this one."""

    engine: EngineName | None = None
    """Who starts the nodes: `nodes` (systemd, Slurm, Kubernetes, a person), or an
    engine that starts them itself, such as `dask`; unset: `nodes` where `listen` is
    set, else no other host takes part. An engine without `listen` has batches
    (`recorder replay --cluster` of several files) done, and nothing of what is
    recorded."""
    listen: Annotated[str, AfterValidator(_check_listen)] | None = None
    """Address of this host that nodes connect to, such as `tcp://192.168.1.10:9998`;
    `tcp://0.0.0.0:9998` is every address of it. Unset: no other host takes part."""
    keys: FilePath | None = None
    """Folder of the keys that `recorder cluster keys` makes; unset: `cluster` in the
    state directory."""
    encrypt: bool | None = None
    """Encrypt, and let only nodes in whose keys are known; unset: for every address but
    `ipc` and those of this host. `false` is for a network that is encrypted itself:
    whoever reaches the address can then read images and send results."""
    scheduler: str | None = None
    """Engine `dask`: address of its scheduler, such as `tls://cluster.example.org:8786`;
    `tcp://` is for a scheduler on this host, or a network that is trusted: whoever
    reaches it can run anything on every host."""
    tls: FilePath | None = None
    """Engine `dask`: folder with `ca.pem`, `cert.pem` and `key.pem`, which `recorder
    cluster tls` makes; for an address that begins with `tls://`."""
    without_local_workers: bool = False
    """With `pool.workers = 0`: leave all images to the nodes. A run then stands still
    while no node is there."""

    node_hold_mb: int = Field(2048, ge=1, le=MAX_MB)
    """Compressed images that one node may keep of a detector that it receives from
    itself; beyond it images are counted as `unprocessed: overload`."""

    @model_validator(mode="after")
    def _an_address(self) -> ClusterSection:
        if self.engine == NODES and self.listen is None:
            raise ValueError(
                f"engine {self.engine} needs an address that its nodes connect to: "
                f"listen; {_WRITE}"
            )
        return self

    @property
    def engine_name(self) -> str | None:
        """Name of the engine that has images of runs done; None: no other host does."""
        return None if self.listen is None else self.engine or NODES

    @property
    def batch_engine_name(self) -> str | None:
        """Name of the engine that may have batches done, which need no address."""
        return self.engine or self.engine_name

    @property
    def encrypted(self) -> bool:
        """Whether nodes need keys."""
        if self.encrypt is not None or self.listen is None:
            return bool(self.encrypt)
        return not stays_here(parse_endpoint(self.listen))


def check_pulled(detector: DetectorSection, cluster: ClusterSection) -> None:
    """Whether nodes can receive from a detector.

    Raises:
        ValueError: They cannot; and what to do.
    """
    if cluster.listen is None:
        raise ValueError(
            f"detector {detector.name}: pulled_by: nodes receive its stream, but none "
            "can connect: set cluster.listen"
        )
    if detector.socket != "pull":
        raise ValueError(
            f"detector {detector.name}: pulled_by: each node would receive every image "
            'of a feed that publishes; leave it to the "daemon"'
        )
