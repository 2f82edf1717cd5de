"""What goes to a peer and comes back: a folder of arrays in, one JSON file out.

Runs in every environment: standard library and numpy only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

REPEATS = 3
"""Calls for each image, the same for every finder but probixi, which is too slow."""


@dataclass(frozen=True)
class Setup:
    """The experiment, as a header would tell it."""

    pixel_size: float
    """Metres."""
    distance: float
    """Metres."""
    beam_center: tuple[float, float]
    """x, y from the outer corner of pixel 0, px."""
    wavelength: float
    """Ångström."""
    cell: tuple[float, ...]
    space_group: str


@dataclass
class Reply:
    """What a finder said of one image."""

    cpu: float
    """Seconds to find the spots."""
    spots: list[tuple[float, float]]
    """x, y in px; the middle of pixel i is i + 0.5."""
    index_cpu: float | None = None
    """Seconds on top for indexing; None: this finder does not index."""
    lattices: list[list[float]] = field(default_factory=list)
    """Nine numbers each: real-space a, b, c in the laboratory frame (Å)."""


@dataclass
class Column:
    """One finder with one group of settings."""

    finder: str
    version: str
    settings: str
    replies: list[Reply] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Images:
    """What the finders get to see; truth is not among it."""

    folder: Path
    test: NDArray[np.uint16]
    """(n, slow, fast); masked pixels hold 65535."""
    learn: NDArray[np.uint16]
    """More images of the same run, for finders that learn."""
    mask: NDArray[np.bool_]
    """(slow, fast), True = bad."""
    setup: Setup


def save(images: Images) -> None:
    """Write the folder that :func:`load` reads."""
    for name in ("test", "learn", "mask"):
        np.save(images.folder / f"{name}.npy", getattr(images, name))
    text = json.dumps(asdict(images.setup))
    (images.folder / "setup.json").write_text(text, encoding="utf-8")


def load(folder: Path) -> Images:
    """Read the folder that :func:`save` wrote."""
    values: dict[str, Any] = json.loads((folder / "setup.json").read_text("utf-8"))
    arrays = {n: np.load(folder / f"{n}.npy") for n in ("test", "learn", "mask")}
    return Images(folder, setup=Setup(**values), **arrays)


def save_columns(path: Path, columns: list[Column]) -> None:
    """Write what :func:`load_columns` reads."""
    path.write_text(json.dumps([asdict(c) for c in columns]), encoding="utf-8")


def load_columns(path: Path) -> list[Column]:
    """The columns of a finder's answer."""
    columns = []
    for values in json.loads(path.read_text(encoding="utf-8")):
        replies = [Reply(**reply) for reply in values.pop("replies")]
        columns.append(Column(replies=replies, **values))
    return columns


def cpu(call: Callable[[], T], repeats: int = 1) -> tuple[float, T]:
    """Median CPU seconds of the process in some calls, and the last result."""
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        result = call()
        times.append(time.process_time() - begun)
    return float(np.median(times)), result
