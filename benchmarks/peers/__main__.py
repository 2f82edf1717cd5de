"""Spot finders and indexers of others beside ours, on the same simulated images.

make bench-peers                 # installs the peers, prints the table
python -m benchmarks.peers --images 24 --only ours,peakfinder8
python -m benchmarks.peers --write docs/benchmarks-peers.md
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.end_to_end import ROOT
from benchmarks.peers.exchange import REPEATS, Column, load, load_columns
from benchmarks.peers.score import BANDS, NEAR, RIGHT, table
from benchmarks.peers.stills import LEARN_HITS, MIN_SPOTS, Scene, draw
from benchmarks.sender import SHAPE

PEERS = ROOT / ".cache" / "peers"
CALLS = (
    f"Each image's time is the median of {REPEATS} calls (probixi: one call); the "
    "second and third find the image in the caches, as after decoding."
)
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")


@dataclass(frozen=True)
class Peer:
    """How a finder is started."""

    name: str
    python: Path
    timeout: float
    """Seconds for all images."""


FINDERS = (
    Peer("ours", Path(sys.executable), 300),
    Peer("peakfinder8", PEERS / "bin" / "python", 300),
    Peer("dials", Path("/usr/bin/python3"), 600),
    Peer("probixi", PEERS / "bin" / "python", 1800),
)


def why_missing(peer: Peer, error: str) -> str:
    """In a few words why a finder has no numbers."""
    kept = PEERS / f"{peer.name}.why"
    last = error.strip().splitlines()[-1] if error.strip() else "no message"
    if "ModuleNotFoundError" in last or not peer.python.exists():
        if kept.exists():
            return f"not installed: {kept.read_text(encoding='utf-8').strip()}"
        return "not installed: run scripts/install-peers"
    return f"failed: {last[:160].replace('|', '/')}"


def run(peer: Peer, folder: Path) -> list[Column]:
    """Start a finder in its environment; whatever goes wrong becomes a line."""
    output = folder / f"{peer.name}.json"
    environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in THREADS}
    environment.pop("PYTHONPATH", None)
    command = [str(peer.python), "-m", f"benchmarks.peers.run_{peer.name}"]
    print(f"{peer.name} ...", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            [*command, str(folder), str(output)],
            cwd=ROOT,
            env=environment,
            timeout=peer.timeout,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return load_columns(output)
        note = why_missing(peer, done.stderr)
    except subprocess.TimeoutExpired:
        note = f"failed: not done after {peer.timeout:.0f} s"
    except (OSError, ValueError, TypeError) as error:
        note = why_missing(peer, str(error))
    return [Column(peer.name, "", "", note=note)]


def text(columns: list[Column], scene: Scene, folder: Path, learn: int) -> str:
    """The table with what it rests on."""
    load_average = " ".join(f"{value:.2f}" for value in os.getloadavg())
    hits = sum(still.kind != "miss" for still in scene.stills)
    images = len(scene.stills)
    head = (
        f"Measured {datetime.now().astimezone():%Y-%m-%d}, {os.cpu_count()} cores "
        f"({platform.machine()}), Python {platform.python_version()}, "
        f"load average {load_average}; {SHAPE[0]} x {SHAPE[1]} uint16, "
        f"{images - hits} blanks, {hits} hits of one lattice (at least {MIN_SPOTS} "
        f"spots of 40 photons). Finders that learn had {learn} other images, about "
        f"{LEARN_HITS:.0%} of them hits.\n\n"
        "Times are CPU time of one thread, the median over the images, without "
        f"decoding ({1e3 * scene.decode:.1f} ms); `/ decode` is ms blank over that. "
        f"{CALLS} "
        f"Columns {BANDS[0][0]}-{BANDS[0][1]} to {BANDS[-1][0]}-{BANDS[-1][1]} are the "
        "share of true spots of so many photons that have a found spot within "
        f"{NEAR} px; the error is the median distance of those. Indexed right: within "
        f"{RIGHT:g}° of the true orientation, modulo lattice symmetry. The images are "
        "simulated, by us: they are kinder than reality, and kinder to us.\n\n"
    )
    return head + table(columns, scene, load(folder).setup)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [peer.name for peer in FINDERS]
    parser.add_argument("--images", type=int, default=12, help="half of them hits")
    parser.add_argument("--learn", type=int, default=32, help="images to learn from")
    parser.add_argument("--only", default=",".join(names), help="comma-separated")
    parser.add_argument("--write", type=Path, help="keep the table there")
    arguments = parser.parse_args()
    only = arguments.only.split(",")
    if not set(only) <= set(names) or arguments.images < 2:
        parser.error(f"finders are {', '.join(names)}; 2 images at least")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = draw(folder, arguments.images, arguments.learn)
        columns = [c for p in FINDERS if p.name in only for c in run(p, folder)]
        found = text(columns, scene, folder, arguments.learn)
    print(found)
    if arguments.write:
        head = "# Peers\n\n`make bench-peers` prints this table.\n\n"
        arguments.write.write_text(head + found + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
