"""Faults: what goes wrong on purpose, while the truth is kept.

A spec is a comma-separated list, such as ``lost=0.01,missed=0.005,no_end``:

==================== =========================================================
``lost=P``           the detector made the image, its message is dropped
``missed=P``         the timing system fired, the detector made no image
``lost_bursts=N:S``  N times all messages of up to S seconds are dropped
``missed_bursts=N:S``  N times the detector misses up to S seconds of triggers
``missed_head=N``    the first N triggers are missed
``missed_trigger=N``  the N-th trigger is missed, counted from 0
``duplicate=P``      the message is sent twice
``reorder=P``        the message is sent after up to 8 later ones
``corrupt=P``        the pixels are cut, their declared size with them
``no_header``        the header is not sent
``no_end``           neither the end message nor ``collection/end`` is sent
``stop=N``           the detector stops after N images, without an end message
``abort=N``          the run is aborted after N images, and both ends say so
``restart=N``        the detector stops after N images, and the run begins again
``join_late=N``      header and first N images are not sent
``skew=PPM``         the detector's clock runs fast
``drift=PPM``        the detector's clock gains so much rate in an hour
``step=T:S``         after T seconds the detector's clock jumps by S seconds
``jitter=S``         triggers and pulses scatter (standard deviation)
``stamp=S``          the detector's time stamps scatter by so much in addition
``own_jitter``       rows of the timing hardware scatter independently
``misfire=P``        the laser is triggered and does not fire; a photodiode watches
``extra_shot=P``     the laser fires without a trigger
``late=P``           timing messages come up to 2 s late
``repeat=P``         timing messages are sent twice
``away=T:S``         from T seconds on the broker is away for S seconds: messages wait
``rows_lost=T:S``    the same, and the messages of that time are gone
``counter_bits=N``   the trigger counter wraps, and it starts shortly before
==================== =========================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import UsageError
from recorder.simulate.arrays import Ints
from recorder.simulate.spec import read_spec


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities, sizes and switches of a spec."""

    lost: float = 0.0
    missed: float = 0.0
    lost_bursts: tuple[float, float] | None = None
    missed_bursts: tuple[float, float] | None = None
    missed_head: int = 0
    missed_trigger: int | None = None
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    no_header: bool = False
    no_end: bool = False
    stop: int | None = None
    abort: int | None = None
    restart: int | None = None
    join_late: int = 0
    skew: float = 0.0
    drift: float = 0.0
    step: tuple[float, float] | None = None
    jitter: float = 1e-6
    stamp: float = 2e-8
    own_jitter: bool = False
    misfire: float = 0.0
    extra_shot: float = 0.0
    late: float = 0.0
    repeat: float = 0.0
    away: tuple[float, float] | None = None
    rows_lost: tuple[float, float] | None = None
    counter_bits: int | None = None

    @property
    def most_images(self) -> int | None:
        """Images that the detector makes at most; None: all."""
        ends = [end for end in (self.stop, self.abort) if end is not None]
        return min(ends, default=None)


PROBABILITIES = (
    "lost",
    "missed",
    "duplicate",
    "reorder",
    "corrupt",
    "misfire",
    "extra_shot",
    "late",
    "repeat",
)
ANY_SIGN = ("skew", "drift", "step")
REORDER_REACH = 8
"""Messages by which a reordered one is sent later, at most."""


def parse_faults(spec: str) -> Faults:
    """Read a spec.

    Raises:
        UsageError: An unknown fault, or a value that it cannot have.
    """
    values = read_spec(spec, Faults, "fault")
    for name, value in values.items():
        numbers = value if isinstance(value, tuple) else (value,)
        if name in PROBABILITIES and not 0 <= value <= 1:
            raise UsageError(f"{name}={value}: a probability lies between 0 and 1")
        if name not in ANY_SIGN and min(numbers) < 0:
            raise UsageError(f"{name}: not below 0")
    if values.get("counter_bits") not in (None, 16, 32):
        raise UsageError("counter_bits: counters have 16 or 32 bits")
    return Faults(**values)


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one trigger."""

    missed: bool
    lost: bool
    duplicate: bool
    corrupt: bool
    later: int = 0
    """Messages that overtake its own."""


def draw_fates(
    faults: Faults, due_ns: Ints, seed: int, trigger: Ints | None = None
) -> dict[str, NDArray[Any]]:
    """The fate of every image as columns, decided by the seed.

    Args:
        faults: What goes wrong.
        due_ns: When each image is due, ascending, shape (n,).
        seed: Decides.
        trigger: Which trigger makes each, ascending from 0, shape (n,): the images of
            one are missed together; None: each has its own.
    """
    n = due_ns.size
    draw = np.random.default_rng((seed, 7)).random((n, 4))
    limits = (faults.missed, faults.lost, faults.duplicate, faults.corrupt)
    missed, lost, duplicate, corrupt = (draw < np.array(limits)).T
    rng = np.random.default_rng((seed, 17))
    lost = lost | _bursts(faults.lost_bursts, due_ns, rng)
    missed = missed | _bursts(faults.missed_bursts, due_ns, rng)
    if trigger is None:
        trigger = np.arange(n)
    missed = missed[np.searchsorted(trigger, trigger)]
    missed |= trigger < faults.missed_head
    if faults.missed_trigger is not None:
        missed |= trigger == faults.missed_trigger
    # Who joins late counts images: those that were made and not followed.
    lost |= np.cumsum(~missed) <= faults.join_late
    later = np.where(
        rng.random(n) < faults.reorder, rng.integers(1, REORDER_REACH + 1, n), 0
    )
    return {
        "missed": missed,
        "lost": lost,
        "duplicate": duplicate,
        "corrupt": corrupt,
        "later": later,
    }


def _bursts(
    spec: tuple[float, float] | None, due_ns: Ints, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Triggers inside of bursts: not the first nor the last tenth of the run."""
    inside = np.zeros(due_ns.size, np.bool_)
    if spec is None or not due_ns.size:
        return inside
    count, longest = spec
    span = int(due_ns[-1] - due_ns[0])
    for _ in range(int(count)):
        begin = due_ns[0] + round(span * (0.1 + 0.8 * rng.random()))
        length = round(longest * 1e9 * (0.5 + 0.5 * rng.random()))
        inside |= (due_ns >= begin) & (due_ns < begin + length)
    return inside


def fates(
    faults: Faults, due_ns: Ints, seed: int, trigger: Ints | None = None
) -> list[Fate]:
    """The fate of every image, decided by the seed; see :func:`draw_fates`."""
    columns = draw_fates(faults, due_ns, seed, trigger)
    rows = zip(*(columns[name].tolist() for name in Fate.__slots__), strict=True)
    return [Fate(*row) for row in rows]
