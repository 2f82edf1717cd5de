"""What goes wrong on purpose, with the truth kept.

A spec is a comma-separated list, such as ``lost=0.01,missed=0.005,no_end``:

=============== ==============================================================
``lost=P``      the detector made the image, its message is dropped
``missed=P``    the timing system fired, the detector made no image
``duplicate=P`` the message is sent twice
``corrupt=P``   the pixels are cut, their declared size with them
``no_header``   the header is not sent
``no_end``      the end message is not sent
``stop=N``      the detector stops after N images, without an end message
=============== ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.errors import UsageError
from recorder.simulate.spec import read_spec


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities and switches of a spec."""

    lost: float = 0.0
    missed: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    no_header: bool = False
    no_end: bool = False
    stop: int | None = None


def parse_faults(spec: str) -> Faults:
    """Read a spec.

    Raises:
        UsageError: An unknown fault, or a value that it cannot have.
    """
    values = read_spec(spec, Faults, "fault")
    for name, value in values.items():
        if name != "stop" and not 0 <= value <= 1:
            raise UsageError(f"{name}={value}: a probability lies between 0 and 1")
    return Faults(**values)


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one trigger."""

    missed: bool
    lost: bool
    duplicate: bool
    corrupt: bool


def fates(faults: Faults, triggers: int, seed: int) -> list[Fate]:
    """The fate of every trigger, decided by the seed."""
    draw = np.random.default_rng((seed, 7)).random((triggers, 4))
    limits = (faults.missed, faults.lost, faults.duplicate, faults.corrupt)
    return [Fate(*(bool(x) for x in row)) for row in draw < np.array(limits)]
