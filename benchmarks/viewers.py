"""Readers of the live page's stream, in a process of their own.

    python -m benchmarks.viewers 127.0.0.1:8642 --viewers 50

It says ``ready`` once every reader had its first state. When its standard input ends it
says, as JSON, when (Unix ns) the first reader saw how many images with an outcome.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

LIMIT = 1 << 24
"""Bytes of one line of the stream, at most."""


async def read(
    address: str, seen: list[tuple[int, int]] | None, begun: asyncio.Event
) -> None:
    """Follow the stream until cancelled; note counts where they are wanted."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=LIMIT)
    writer.write(f"GET /api/v1/live HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    event = b""
    try:
        while line := await reader.readline():
            if line.startswith(b"event:"):
                event = line[6:].strip()
            if not line.startswith(b"data:") or event != b"now":
                continue
            now_ns = time.time_ns()
            begun.set()
            if seen is not None:
                live = json.loads(line[5:])["live"] or {}
                run = live.get("run")
                count = run["windows"]["run"]["classified"] if run else 0
                seen.append((now_ns, count))
    finally:
        writer.close()


async def follow(address: str, viewers: int) -> None:
    """Read until the standard input ends."""
    seen: list[tuple[int, int]] = []
    begun = [asyncio.Event() for _ in range(viewers)]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(read(address, seen if n == 0 else None, begun[n]))
            for n in range(viewers)
        ]
        for each in begun:
            await each.wait()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
    print(json.dumps(seen), flush=True)


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--viewers", type=int, default=50)
    given = parser.parse_args()
    asyncio.run(follow(given.address, given.viewers))


if __name__ == "__main__":
    main()
