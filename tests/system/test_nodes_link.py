"""A node whose network goes away and comes back: a namespace of its own, as root."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.nodes import field, logs, rows

HOME, NODE = "10.213.77.1", "10.213.77.2"
ROOT = os.geteuid() == 0 and shutil.which("ip") is not None
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ROOT, reason="a network namespace needs root, and ip"),
]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def link() -> Iterator[tuple[str, Callable[[str], None]]]:
    """A namespace behind a cable: its name, and what sets the cable up or down."""
    name = f"rec{os.getpid()}"
    ours, theirs = f"{name}a"[-15:], f"{name}b"[-15:]
    ip("netns", "add", name)
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        ip("addr", "add", f"{HOME}/30", "dev", ours)
        ip("-n", name, "addr", "add", f"{NODE}/30", "dev", theirs)
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", theirs, "up")
        ip("link", "set", ours, "up")
        yield name, lambda state: ip("link", "set", ours, state)
    finally:
        subprocess.run(["ip", "link", "del", ours], capture_output=True)
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


@pytest.mark.allow_error_log("node_lost")
def test_the_link_goes_down_and_up(tmp_path, link, log_events):
    """Its images are elsewhere within 10 s; it takes part again when it is back."""
    rows()
    name, cable = link

    async def scenario() -> None:
        async with field(tmp_path, address=f"tcp://{HOME}:*", workers=1) as made:
            before = ("ip", "netns", "exec", name)
            node = made.node("--workers", "1", "--no-encryption", before=before)
            await made.ready("node-1")
            made.offer(60)
            await made.until(lambda: made.live()["node-1"].finished >= 3)
            cable("down")
            down = time.monotonic()
            await made.until(lambda: logs(log_events, "node_lost"))
            assert time.monotonic() - down < 10.0
            await made.done()
            made.check()
            cable("up")
            await made.ready("node-1")
            assert node.process.poll() is None, "it is the same node"
            done = made.live()["node-1"].finished
            made.offer(60)
            await made.done()
            made.check()
            assert made.live()["node-1"].finished > done
            assert made.pool.late == 0

    asyncio.run(scenario())
