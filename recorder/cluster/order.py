"""What a cluster is asked to start, in words that every version understands."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NOT_PASSED_ON = frozenset({"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"})
"""What systemd tells the process that it started itself, and no other."""


@dataclass(frozen=True, slots=True)
class NodeOrder:
    """A node that is to run on each host. It holds no secret."""

    connect: str
    """Where it reaches the recorder."""
    version: str
    """Which program asks; its own must be the same."""
    encrypted: bool = True
    """Whether the node needs keys, which lie on its host."""
    readable: tuple[str, ...] = ()
    """Folders with files in which images may lie that do not travel."""
    level: str = "info"
    """Level of its log."""

    @property
    def label(self) -> str:
        """The same for the same recorder: name of plug-in, lock and log."""
        what = "\0".join((self.connect, *self.readable))
        digest = hashlib.sha256(what.encode()).hexdigest()[:12]
        return f"recorder-node-{digest}"


def node_command(order: NodeOrder, name: str | None, workers: int) -> list[str]:
    """The command that starts a node.

    Args:
        order: What is asked for.
        name: How the node calls itself; None: as its host.
        workers: Its worker processes.
    """
    command = [sys.executable, "-m", "recorder", "node", "--connect", order.connect]
    command += ["--workers", str(workers), "--log-level", order.level]
    if name is not None:
        command += ["--name", name]
    for folder in order.readable:
        command += ["--read", folder]
    if not order.encrypted:
        command.append("--no-encryption")
    return command


def node_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a node, from that of what starts it."""
    return {k: v for k, v in environment.items() if k not in NOT_PASSED_ON}


def node_folder(environment: Mapping[str, str]) -> Path:
    """Where the locks and logs of a host's nodes lie: local, and one for each user.

    Args:
        environment: ``RECORDER_NODE_DIRECTORY``, else the runtime directory that
            systemd gives, else a folder of the user's among the temporary files.
    """
    named = environment.get("RECORDER_NODE_DIRECTORY")
    if named:
        return Path(named)
    runtime = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    runtime = runtime or environment.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "recorder-nodes"
    user = os.getuid()
    return Path(tempfile.gettempdir()) / f"recorder-nodes-{user}"
