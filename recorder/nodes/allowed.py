"""Keys of the nodes that may take part; read again when the folder changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recorder.errors import ConfigError
from recorder.nodes.keys import NODES, read_nodes
from recorder.runtime.log import get_logger

log = get_logger("nodes")


class Allowed:
    """The public keys in a folder: a node is let in, or shut out, without a restart.

    Args:
        folder: Home's.
        nodes: Names by public key, as they were read.
    """

    def __init__(self, folder: Path, nodes: Mapping[bytes, str]) -> None:
        self._folder = folder
        self._nodes = nodes
        self._seen = self._changed_ns()

    def __contains__(self, key: object) -> bool:
        if (seen := self._changed_ns()) != self._seen:
            self._seen = seen
            try:
                self._nodes = read_nodes(self._folder)
            except ConfigError as error:
                log.error(
                    "node_keys_unreadable",
                    error=str(error),
                    hint="the nodes that were known before are still let in",
                )
        return key in self._nodes

    def _changed_ns(self) -> int:
        try:
            return (self._folder / NODES).stat().st_mtime_ns
        except OSError:
            return 0
