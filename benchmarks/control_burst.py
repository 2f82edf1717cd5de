"""A burst of control events through a default mosquitto into a running daemon.

    python -m benchmarks.control_burst [--rate 5000] [--seconds 10] [--protocol 5]

A publisher that never waits sends one event a message, QoS 1. What is counted is what
the journal holds afterwards, and what a broker that dropped events is told by: the gap
alarm. CPU is the daemon's own, from ``/proc``.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from tests.publisher import BurstPublisher, event_bodies
from tests.servers import Mosquitto, Recorder, free_port

GOAL_CPU_MS = 0.3
"""ms of CPU an event: a third of the 0.9 ms it took before."""


def cpu_s(pid: int) -> float:
    """CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def journalled(path: Path) -> int:
    """Events in the journal."""
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        query = "SELECT COUNT(*) FROM records WHERE kind = 'event'"
        return int(db.execute(query).fetchone()[0])
    finally:
        db.close()


def settled(path: Path, wanted: int, timeout_s: float) -> tuple[int, float]:
    """Events in the journal once none follows for 5 s, and when the last came."""
    last, moved = journalled(path), time.monotonic()
    end = moved + timeout_s
    while last < wanted and time.monotonic() < end:
        time.sleep(0.1)
        now = journalled(path)
        if now != last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > 5:
            break
    return last, time.monotonic()


def measure(
    folder: Path, rate: float, seconds: float, protocol: str
) -> dict[str, object]:
    """One burst; figures by name."""
    broker = Mosquitto(folder, persistent=False)
    broker.start()
    config = folder / "recorder.toml"
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    config.write_text(
        f'state_directory = "{folder}/state"\n[[detector]]\nname = "eiger"\n'
        f'endpoint = "{endpoint}"\n[mqtt]\nport = {broker.port}\n'
        f'protocol = "{protocol}"\n[pool]\nworkers = 0\n[log]\nformat = "json"\n'
    )
    daemon = Recorder(sys.executable, ["run"], config)
    try:
        daemon.wait_for_event("broker_connected")
        daemon.wait_for_event("ispyb_connected")
        bodies = event_bodies(round(rate * seconds))
        publisher = BurstPublisher(broker.port)
        publisher.announce("burst")
        daemon.wait_for_event("run_started")
        time.sleep(3)
        before, begun = cpu_s(daemon.pid), time.monotonic()
        publisher.send("recorder/demo/event", bodies, rate)
        sent = time.monotonic() - begun
        path = folder / "state" / "journal.sqlite"
        count, at = settled(path, len(bodies), 120)
        used = cpu_s(daemon.pid) - before
        publisher.close()
        if count < len(bodies):  # two looks, 5 s apart
            daemon.wait_for_event("trigger_gap")
        gaps = [e for e in daemon.log if e["event"] == "trigger_gap"]
        return {
            "sent": len(bodies),
            "sent_s": round(sent, 2),
            "journalled": count,
            "all_after_s": round(at - begun, 2),
            "cpu_ms_per_event": round(1000 * used / max(1, count), 3),
            "gap_alarms": len(gaps),
        }
    finally:
        daemon.terminate()
        broker.stop()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=5000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--protocol", default="5", choices=["3.1.1", "5"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = measure(Path(name), options.rate, options.seconds, options.protocol)
    print(json.dumps(found))
    met = [
        found["journalled"] == found["sent"] or bool(found["gap_alarms"]),
        float(str(found["cpu_ms_per_event"])) <= GOAL_CPU_MS,
    ]
    print(f"goals: {sum(met)} of {len(met)} met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
