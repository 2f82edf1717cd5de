"""A burst of control events through mosquitto into a running daemon.

    python -m benchmarks.control_burst [--rate 5000] [--seconds 10] [--write FILE]

A publisher that never waits sends one event a message, QoS 1: with MQTT 5 and 3.1.1
through a broker that is set as it comes, and with 3.1.1 through one whose limits are
raised. What is counted is what the journal holds afterwards, and what a broker that
dropped events is told by: the gap alarm. CPU is the daemon's own, from ``/proc``. The
time of a sync of the disk is measured beside it: it says how fast a broker goes on that
sends only 20 messages before the first is acknowledged.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.publisher import BurstPublisher, event_bodies
from tests.servers import Mosquitto, Recorder, ServerError, free_port

GOAL_CPU_MS = 0.3
"""ms of CPU an event: a third of the 0.9 ms it took before."""
QUIET_S = 20.0
"""Seconds without a further event after which the rest is lost: a disk that others
write to may keep a commit waiting for some. Two looks for gaps are 5 s apart."""
SYNCS = 100
"""Syncs of the disk that are timed."""
RAISED = ("max_queued_messages 0",)
"""What the recorder's documentation asks for."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a burst goes through."""

    protocol: str
    """Version of MQTT."""
    broker: tuple[str, ...] = ()
    """What mosquitto is told beside its defaults."""
    synchronous: str = "full"
    """``journal.synchronous`` of the recorder."""


CASES = (
    Case("5"),
    Case("3.1.1"),
    Case("3.1.1", RAISED),
    Case("3.1.1", ("max_inflight_messages 1000",)),
    Case("3.1.1", synchronous="normal"),
)
Figures = dict[str, float]


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
    """Events in the journal once none follows for QUIET_S, and when the last came."""
    last, moved = journalled(path), time.monotonic()
    end = moved + timeout_s
    while last < wanted and time.monotonic() < end:
        time.sleep(0.1)
        now = journalled(path)
        if now != last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > QUIET_S:
            break
    return last, moved


def sync_ms(folder: Path) -> float:
    """Milliseconds of a sync of 4 kB, the median of SYNCS."""
    taken = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            begun = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def measure(folder: Path, rate: float, seconds: float, case: Case) -> Figures:
    """One burst; figures by name."""
    broker = Mosquitto(folder, persistent=False, lines=case.broker)
    broker.start()
    config = folder / "recorder.toml"
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    config.write_text(
        f'state_directory = "{folder}/state"\n[[detector]]\nname = "eiger"\n'
        f'endpoint = "{endpoint}"\n[mqtt]\nport = {broker.port}\n'
        f'protocol = "{case.protocol}"\n[journal]\n'
        f'synchronous = "{case.synchronous}"\n'
        '[pool]\nworkers = 0\n[log]\nformat = "json"\n'
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
        sync = round(sync_ms(folder), 2)
        before, begun = cpu_s(daemon.pid), time.monotonic()
        publisher.send("recorder/demo/event", bodies, rate)
        sent = time.monotonic() - begun
        path = folder / "state" / "journal.sqlite"
        count, at = settled(path, len(bodies), 120)
        used = cpu_s(daemon.pid) - before
        publisher.close()
        if count < len(bodies):
            with contextlib.suppress(ServerError):  # the page says that it did not
                daemon.wait_for_event("trigger_gap", timeout_s=QUIET_S)
        gaps = [e for e in daemon.log if e["event"] == "trigger_gap"]
        return {
            "sync_ms": sync,
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


def page(rate: float, seconds: float, found: Mapping[Case, Figures]) -> str:
    """The page of the documentation."""
    lines = [
        "# A burst of control events",
        "",
        f"{rate:g} events/s for {seconds:g} s, one a message, QoS 1, from a publisher "
        "that never waits, through mosquitto into the journal of a running daemon. "
        "Lost is what the broker dropped; the recorder names it (`trigger_gap`). CPU "
        "is the daemon's. `sync` is what a sync of the disk took on this machine just "
        "before. `make bench` renews it.",
        "",
        "| MQTT | mosquitto | `journal.synchronous` | sent | lost | named "
        "| all journalled after (s) | CPU (ms an event) | sync (ms) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case, cell in found.items():
        lost = cell["sent"] - cell["journalled"]
        named = "-" if not lost else "yes" if cell["gap_alarms"] else "NO"
        shown = ", ".join(f"`{line}`" for line in case.broker) or "as it comes"
        lines.append(
            f"| {case.protocol} | {shown} | `{case.synchronous}` | {cell['sent']:.0f} "
            f"| {lost:.0f} | {named} | {cell['all_after_s']:.1f} "
            f"| {cell['cpu_ms_per_event']:.3f} | {cell['sync_ms']:.1f} |"
        )
    return "\n".join([*lines, "", *verdicts(found), ""])


def verdicts(found: Mapping[Case, Figures]) -> list[str]:
    """Which goals are met."""
    lost = {case: cell["sent"] - cell["journalled"] for case, cell in found.items()}
    named = all(found[case]["gap_alarms"] for case, number in lost.items() if number)
    cpu = max(cell["cpu_ms_per_event"] for cell in found.values())
    goals = {
        "nothing is lost with MQTT 5 and a broker as it comes": not lost[Case("5")],
        "nothing is lost with 3.1.1 and a queue without limit": not lost[
            Case("3.1.1", RAISED)
        ],
        "what is lost is named": named,
        f"at most {GOAL_CPU_MS} ms of CPU an event ({cpu:.3f})": cpu <= GOAL_CPU_MS,
    }
    return [f"* {'met' if met else 'NOT MET'}: {goal}" for goal, met in goals.items()]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=5000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--write", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    found: dict[Case, Figures] = {}
    for case in CASES:
        with tempfile.TemporaryDirectory() as name:
            found[case] = measure(Path(name), options.rate, options.seconds, case)
        print(case, json.dumps(found[case]), flush=True)
    text = page(options.rate, options.seconds, found)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
