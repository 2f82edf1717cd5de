"""A node of its own, behind a link that can be cut: a namespace, else a proxy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.chaos.proxy import Proxy
from tests.nodes import NodeProcess
from tests.servers import free_port

HOME, AWAY = "10.213.79.1", "10.213.79.2"
LOOPBACK = "127.0.0.1"
ROOT = os.geteuid() == 0 and shutil.which("ip") is not None
"""Whether there can be a network namespace."""
NAME = "apart"


def ip(*arguments: str) -> None:
    """Have `ip` do something."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Apart:
    """The node, and its cable.

    Args:
        folder: For its log.
    """

    def __init__(self, folder: Path) -> None:
        self._log = folder / "apart.log"
        self.host = HOME if ROOT else LOOPBACK
        """Address at which home listens."""
        self.port = free_port()
        self._space = f"rec{os.getpid()}"
        self._ours, self._theirs = f"{self._space}a"[-15:], f"{self._space}b"[-15:]
        self._proxy: Proxy | None = None
        self.node: NodeProcess | None = None
        if ROOT:
            self._lay()
        else:
            self._proxy = Proxy(self.port)

    @property
    def listen(self) -> str:
        """Where home listens."""
        return f"tcp://{self.host}:{self.port}"

    @property
    def link(self) -> str:
        """What the link is, for people."""
        if ROOT:
            return "a network namespace"
        return "a proxy on this host (a network namespace needs root, and `ip`)"

    def _lay(self) -> None:
        ours, theirs, space = self._ours, self._theirs, self._space
        ip("netns", "add", space)
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", space)
        ip("addr", "add", f"{HOME}/30", "dev", ours)
        ip("-n", space, "addr", "add", f"{AWAY}/30", "dev", theirs)
        ip("-n", space, "link", "set", "lo", "up")
        ip("link", "set", ours, "up")
        self.up()

    def start(self) -> None:
        """Start the node, where it does not run."""
        if self.node is not None and self.node.process.poll() is None:
            return
        before = ("ip", "netns", "exec", self._space) if ROOT else ()
        port = self.port if self._proxy is None else self._proxy.port
        self.node = NodeProcess(
            f"tcp://{self.host}:{port}",
            self._log,
            *("--workers", "1", "--name", NAME, "--no-encryption"),
            before=before,
        )

    @property
    def pid(self) -> int:
        """Process of the node."""
        assert self.node is not None
        return self.node.process.pid

    def leave(self) -> None:
        """Tell the node to stop, and wait for its end."""
        assert self.node is not None
        self.node.send(signal.SIGTERM)
        self.node.process.wait(60)

    def down(self) -> None:
        """Cut the link: nothing is carried, and nobody is told."""
        if self._proxy is None:  # home's end stays up: others reach it, too
            ip("-n", self._space, "link", "set", self._theirs, "down")
        else:
            self._proxy.freeze()

    def up(self) -> None:
        """Mend the link."""
        if self._proxy is None:
            ip("-n", self._space, "link", "set", self._theirs, "up")
        else:
            self._proxy.thaw()

    def close(self) -> None:
        """End all of it."""
        if self.node is not None:
            self.node.end()
        if self._proxy is not None:
            self._proxy.close()
            return
        subprocess.run(["ip", "link", "del", self._ours], capture_output=True)
        subprocess.run(["ip", "netns", "del", self._space], capture_output=True)
