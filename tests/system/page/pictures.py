"""A chip, a picture of an image and a spot map, as the API gives them."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import imagecodecs
import numpy as np

from tests.system.page.reports import UID

STATES = (
    "skipped unseen lost unknown unclassified non_hit non_indexed_hit indexed".split()
)


def scan(rows: int = 20, columns: int = 20, blocks: int = 4) -> tuple[Any, Any]:
    """The report's key ``scan`` and the answer of ``runs/{uid}/chip``."""
    random = np.random.default_rng(3)
    shape = (rows * blocks, columns * blocks)
    share = [0.01, 0.0, 0.0, 0.6, 0.2, 0.19]
    wells = (random.choice(6, shape, p=share) + 2).astype(np.uint8)
    wells[shape[0] * 3 // 5 :] = 1
    wells[::rows, ::columns] = 0
    counts = dict(
        zip(STATES, np.bincount(wells.ravel(), minlength=8).tolist(), strict=True)
    )
    key = {
        "rows": rows,
        "columns": columns,
        "blocks": [blocks, blocks],
        "shots_per_position": 2,
        "placed_by": "trigger",
        "unplaced": 3,
        "wells": {
            "total": wells.size - counts["skipped"],
            "skipped": counts["skipped"],
            "indexed": counts["indexed"],
            "non_indexed_hits": counts["non_indexed_hit"],
            "non_hits": counts["non_hit"],
            "lost": counts["lost"],
            "unseen": counts["unseen"],
        },
        "by_block": [
            {"block": n, "images": 200, "indexed": 30, "non_indexed_hits": 20}
            | {"non_hits": 150}
            for n in range(8)
        ],
        "by_shot": [
            {"shot": 0, "images": 900, "indexed": 210, "non_indexed_hits": 90}
            | {"non_hits": 600, "resolution": 1.9},
            {"shot": 1, "images": 900, "indexed": 150, "non_indexed_hits": 100}
            | {"non_hits": 650, "resolution": 2.2},
        ],
        "hints": [
            {"kind": "stripes", "where": "diagonals", "z": 9.1, "rate": 0.12}
            | {"elsewhere": 0.3, "text": "perhaps off by one well"},
        ],
    }
    encoded = b64encode(wells.tobytes()).decode()
    answer = {"run": 3, "uid": UID, "states": STATES, "scan": key}
    return key, answer | {"shape": list(shape), "wells": encoded}


def picture() -> tuple[Any, bytes]:
    """A preview with spots: its description and the PNG."""
    random = np.random.default_rng(4)
    pixels = random.poisson(9, (270, 260)).astype(np.uint8)
    spots = random.uniform(10, 250, (41, 2))
    for x, y in spots:
        pixels[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 250
    about = {
        "run": 3,
        "uid": UID,
        "image_id": 3551,
        "serial": 4,
        "outcome": "indexed",
        "width": 260,
        "height": 270,
        "binning": 4,
        "detector": [1080, 1040],
        "spots": [[float(x), float(y), 100.0] for x, y in spots],
        "predicted": [[float(x) + 0.5, float(y) - 0.5] for x, y in spots[:30]],
        "rings": [{"d": 4.0, "radius": 55}, {"d": 2.0, "radius": 115}],
        "center": [130, 135],
        "resolution": 1.9,
        "lattices": 1,
    }
    return about, imagecodecs.png_encode(255 - pixels)


def peakogram() -> Any:
    random = np.random.default_rng(5)
    edges = (np.linspace(0.02, 1, 50), 10 ** np.linspace(0, 6, 61))
    counts, across, up = np.histogram2d(
        random.gamma(9, 0.04, 20_000), random.lognormal(5, 1.5, 20_000), edges
    )
    return {
        "run": 3,
        "hits": 700,
        "resolution_edges": (1 / across).tolist(),
        "intensity_edges": up.tolist(),
        "counts": counts.astype(int).tolist(),
    }
