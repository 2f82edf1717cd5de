"""The daemon's own part of an image: event loop, wire, receiver; in copies of 1.2 MB.

python -m benchmarks.wire --write docs/benchmarks-wire.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.cpu import PARTS
from benchmarks.machine import machine
from benchmarks.wire.jobs import Wire, measured
from benchmarks.wire.receiver import decoding_copies
from benchmarks.wire.through import Cost, Scene, cost

SCENES = (
    Scene("images of 0.6 kB", "stream1", 8000, 800, small=True),
    Scene("images of 1.2 MB, stream v1", "stream1", 3000, 300),
    Scene("images of 1.2 MB, stream v2", "stream2", 3000, 300),
    Scene("classes sent with the images", "results", 20_000),
)
LOOP, RATE, BOOKKEEPING = 2.0, 1000, 10_000
"""Goals: copies of the event loop, and images a second on one core."""
BEFORE = {
    "small": "2.40",
    "first": "1.61",
    "second": "2.04",
    "stream1": "0.13",
    "stream2": "1.67",
}
"""In copies, of the commit before the wire had a thread (832dc3e), measured in the same
quarter of an hour as what came after it."""
_SHOWN = tuple(part for part in PARTS if part != "workers")


def best(scene: Scene) -> Cost:
    """Of two series, the one that others disturbed less."""
    return min((cost(scene) for _ in range(2)), key=lambda found: found.loop_copies)


def one_core(found: Cost) -> float:
    """Images a second that one core carries, if all threads of the daemon share it."""
    return 1e6 / found.all_us


def scene_lines(found: dict[Scene, Cost]) -> list[str]:
    """What each thread of the daemon spends."""
    lines = [
        "| us of CPU an image | copy | " + " | ".join(_SHOWN) + " | all | images/s |",
        "|---" * (len(_SHOWN) + 4) + "|",
    ]
    for scene, each in found.items():
        parts = " | ".join(f"{each.by_part[part]:.0f}" for part in _SHOWN)
        lines.append(
            f"| {scene.what} | {each.copy_us:.0f} | {parts} | {each.all_us:.0f} | "
            f"{each.per_second:.0f} |"
        )
    return lines


def copy_lines(found: dict[Scene, Cost], decoding: dict[str, float]) -> list[str]:
    """The same in copies, beside what it was."""
    small, first, second, _ = found.values()
    rows = [
        ("event loop, images of 0.6 kB", f"{small.loop_copies:.2f}", "small"),
        ("event loop, 1.2 MB, stream v1", f"{first.loop_copies:.2f}", "first"),
        ("event loop, 1.2 MB, stream v2", f"{second.loop_copies:.2f}", "second"),
        ("receiver, stream v1", f"{decoding['stream1']:.2f}", "stream1"),
        ("receiver, stream v2", f"{decoding['stream2']:.2f}", "stream2"),
    ]
    return [
        "| copies of 1.2 MB | now | before |",
        "|---|---|---|",
        *(f"| {what} | {now} | {BEFORE[key]} |" for what, now, key in rows),
    ]


def wire_lines(wires: dict[str, Wire]) -> list[str]:
    """Jobs to one worker and their answers."""
    now, then = wires["now"], wires["before"]
    return [
        "| a job and its answer | event loop, us | thread, us | jobs/s |",
        "|---|---|---|---|",
        f"| `zmq.asyncio`, 8 frames | {then.loop_us:.1f} | | {then.per_second:.0f} |",
        f"| exchange, 2 frames | {now.loop_us:.1f} | {now.thread_us:.1f} | "
        f"{now.per_second:.0f} |",
    ]


def goal_lines(found: dict[Scene, Cost]) -> list[str]:
    """What is asked, and what was measured."""
    small, first, second, classes = found.values()
    rows = [
        (f"event loop at most {LOOP:.0f} copies, bytes aside", small.loop_copies, LOOP),
        (f"{RATE} images/s of 1.2 MB, stream v1", -one_core(first), -RATE),
        (f"{RATE} images/s of 1.2 MB, stream v2", -one_core(second), -RATE),
        (f"{BOOKKEEPING} classes/s", -one_core(classes), -BOOKKEEPING),
    ]
    return [
        f"* {'met' if value <= most else 'NOT MET'}: {what} ({_short(abs(value))})"
        for what, value, most in rows
    ]


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"


def main() -> None:
    """Measure, print, and keep the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000, help="over the wire alone")
    parser.add_argument("--write", type=Path, help="keep the page there")
    arguments = parser.parse_args()
    begun = machine("at the start")
    found = {scene: best(scene) for scene in SCENES}
    decoding, wires = decoding_copies(), measured(arguments.jobs)
    lines = [
        "# The wire",
        "",
        "What the daemon itself spends on an image: a real daemon, workers that cost "
        "nothing and answer as real ones do (20 % hits). `make bench` renews it.",
        "",
        f"{begun} CPU of each thread while the run goes on, between a fifth and nine "
        "tenths of it. `copy` is what copying 1.2 MB took meanwhile: costs told in "
        "copies hold on another machine, too. Images per second are those of the wall "
        "clock, with sender and workers on the same cores, and at most what was sent.",
        "",
        *scene_lines(found),
        "",
        "The event loop's part in copies, and that of receiving, beside what they were "
        "before the wire had a thread (measured on 2026-11-28, in the same way). What "
        "the daemon does each second whatever comes (live state, alarms, journal) is "
        "part of it: at 300 images/s it is three times as much of an image as at 900.",
        "",
        *copy_lines(found, decoding),
        "",
        "Messages alone, in one process, with images of 0.6 kB:",
        "",
        *wire_lines(wires),
        "",
        "Goals. Images a second are what one core carries if all threads of the daemon "
        "share it, by their CPU in this run: other programs make each of them slower.",
        "",
        *goal_lines(found),
    ]
    text = "\n".join(lines)
    print(text)
    if arguments.write:
        arguments.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
