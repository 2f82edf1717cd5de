"""Two nodes of the daemon, behind a link that can break, or carry nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from recorder.nodes.members import CREDIT
from tests.chaos.proxy import Proxy
from tests.servers import HOST, Recorder

COUNT = 2
"""Nodes: while one is dead the other has its images."""
HELD = COUNT * CREDIT
"""Images that they may have, and that those of others overtake."""
READY_S = 120.0


class Nodes:
    """They are started when the first fault needs them.

    Args:
        port: Where the daemon listens for nodes.
    """

    def __init__(self, port: int) -> None:
        self.link = Proxy(port)
        self._running: list[Recorder] = []

    def start(self) -> None:
        """Start those that do not run, and wait until they have workers."""
        for node in self._running:
            if not node.running:
                node.wait()
        self._running = [node for node in self._running if node.running]
        for number in range(COUNT - len(self._running)):
            arguments = ("--workers", "1", "--name", f"node-{number}")
            address = f"tcp://{HOST}:{self.link.port}"
            command = ("node", "--connect", address, "--log-format", "json")
            node = Recorder(sys.executable, (*command, *arguments), None)
            self._running.append(node)
        for node in self._running:
            node.wait_for_event("worker_ready", timeout_s=READY_S)

    @property
    def held(self) -> int:
        """Images that they may have."""
        return HELD if self._running else 0

    def __getitem__(self, number: int) -> Recorder:
        return self._running[number]

    def worker_pids(self, number: int) -> list[int]:
        """Worker processes of a node."""
        pid = self[number].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
        return [int(child) for child in children.split()]

    def close(self) -> None:
        """End all of it."""
        for node in self._running:
            node.kill()
        self.link.close()
