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

from dataclasses import dataclass, fields

import numpy as np

from recorder.errors import UsageError


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
    known = {item.name for item in fields(Faults)}
    values: dict[str, float | bool | int] = {}
    for item in filter(None, (part.strip() for part in spec.split(","))):
        name, _, value = item.partition("=")
        if name not in known:
            raise UsageError(
                f"no such fault: {name}; known: {', '.join(sorted(known))}"
            )
        values[name] = _value(name, value)
    return Faults(**values)  # type: ignore[arg-type]


def _value(name: str, value: str) -> float | bool | int:
    if name.startswith("no_"):
        if value:
            raise UsageError(f"{name} takes no value")
        return True
    try:
        if name == "stop":
            return int(value)
        share = float(value)
    except ValueError as error:
        raise UsageError(f"{name}={value}: not a number") from error
    if not 0 <= share <= 1:
        raise UsageError(f"{name}={value}: a probability lies between 0 and 1")
    return share


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
