"""Points of energy scans and fluorescence spectra: one bad number costs only itself."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from recorder.errors import BadMessageError, shown
from recorder.records import ScanPoints, Spectrum
from recorder.records.limits import MAX_CHANNELS, MAX_POINTS
from recorder.records.texts import Name

SCAN_SCHEMA = "recorder.scan/1"
SPECTRUM_SCHEMA = "recorder.spectrum/1"
_LARGEST = 1e30
"""Numbers beyond count as none: sums of their squares fit into a double. Chosen, not
tuned."""
LEAST_EV, MOST_EV = 50.0, 1e6
"""Energies of the points of a scan: the K edge of lithium is at 55 eV, the one of
uranium at 116 keV. What is sent in keV is below."""
_NAMED = 5
"""Points or channels that one problem names. Chosen, not tuned."""
_Single = Annotated[float, Field(strict=True)]
_Index = Annotated[int, Field(ge=0, lt=MAX_POINTS, strict=True)]


class _Reading(BaseModel):
    model_config = ConfigDict(extra="allow")

    uid: Name
    collection: Name


class _Points(_Reading):
    first: _Index
    energy: list[Any] | _Single
    counts: list[Any] | _Single
    monitor: Any = None
    live_time: Any = None


class _Spectrum(_Reading):
    counts: list[Any]
    calibration: Any = None
    live_time: Any = None
    real_time: Any = None
    energy: Any = None


def scan_points(item: dict[str, Any], received_ns: int) -> ScanPoints:
    """The points of a ``scan/points`` message that can be used.

    Raises:
        pydantic.ValidationError: A key is missing or wrong.
        BadMessageError: ``lengths``: nobody can tell which counts are of which energy;
            ``too_big``: there are more points than a scan may have.
    """
    message = _Points.model_validate(item)
    energy, counts = _listed(message.energy), _listed(message.counts)
    if len(energy) != len(counts):
        raise BadMessageError(
            "lengths",
            f"scan/points: {len(energy)} energies and {len(counts)} counts: send one "
            "of each for each point",
        )
    last = message.first + len(energy) - 1
    if last >= MAX_POINTS:
        raise BadMessageError(
            "too_big", f"scan/points: point {last}, at most {MAX_POINTS} are kept"
        )
    problems: list[str] = []
    good = _usable(message.first, energy, counts, problems)
    return ScanPoints(
        uid=message.uid,
        collection=message.collection,
        index=tuple(message.first + place for place in good),
        energy=tuple(float(energy[place]) for place in good),
        counts=tuple(float(counts[place]) for place in good),
        monitor=_beside("monitor", message.monitor, good, len(energy), problems),
        live_time=_beside("live_time", message.live_time, good, len(energy), problems),
        problems=tuple(problems),
        left_out=len(energy) - len(good),
        received_ns=received_ns,
    )


def _listed(value: Any) -> list[Any]:
    """A single number is a list of one."""
    return value if isinstance(value, list) else [value]


def is_number(value: Any) -> bool:
    """Whether it is a finite number that a float holds well."""
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return usable and abs(value) <= _LARGEST


def _usable(
    first: int, energy: list[Any], counts: list[Any], problems: list[str]
) -> list[int]:
    """Places of the points that have an energy of X-rays and counts from 0."""
    good: list[int] = []
    bad: list[str] = []
    for place, (one, many) in enumerate(zip(energy, counts, strict=True)):
        x_ray = is_number(one) and LEAST_EV <= one <= MOST_EV
        if x_ray and is_number(many) and many >= 0:
            good.append(place)
        else:
            bad.append(f"{first + place}: {shown(one)} eV, {shown(many)} counts")
    if bad:
        problems.append(
            f"scan/points: left out {len(bad)} of {len(energy)} points, without an "
            f"energy from {LEAST_EV:g} to {MOST_EV:g} eV (not keV) or counts from 0: "
            f"{'; '.join(bad[:_NAMED])}"
        )
    return good


def _beside(
    name: str, value: Any, good: list[int], length: int, problems: list[str]
) -> tuple[float | None, ...]:
    """What is given beside each point; empty if it is not, or cannot be told apart."""
    if value is None:
        return ()
    items = _listed(value)
    if len(items) != length:
        problems.append(
            f"scan/points: {name} is left out: {len(items)} values for {length} points"
        )
        return ()
    return tuple(float(items[n]) if is_number(items[n]) else None for n in good)


def spectrum(item: dict[str, Any], received_ns: int) -> Spectrum:
    """The spectrum of a ``spectrum`` message.

    Raises:
        pydantic.ValidationError: A key is missing or wrong.
        BadMessageError: ``lengths``: no channel has counts; ``too_big``: too many.
    """
    message = _Spectrum.model_validate(item)
    sent = message.counts
    if len(sent) > MAX_CHANNELS:
        raise BadMessageError(
            "too_big",
            f"spectrum: {len(sent)} channels, at most {MAX_CHANNELS} are kept",
        )
    problems: list[str] = []
    counts = tuple(
        float(value) if is_number(value) and value >= 0 else None for value in sent
    )
    bad = [f"{n}: {shown(sent[n])}" for n, value in enumerate(counts) if value is None]
    if len(bad) == len(counts):
        raise BadMessageError(
            "lengths",
            f"spectrum: none of {len(counts)} channels has counts from 0: send a "
            "number for each channel",
        )
    if bad:
        problems.append(
            f"spectrum: {len(bad)} of {len(sent)} channels have no counts from 0 and "
            "stay empty: "
            f"{'; '.join(bad[:_NAMED])}"
        )
    return Spectrum(
        uid=message.uid,
        collection=message.collection,
        counts=counts,
        calibration=_calibration(message.calibration, problems),
        live_time=_above_0("live_time", message.live_time, problems),
        real_time=_above_0("real_time", message.real_time, problems),
        energy=_above_0("energy", message.energy, problems),
        problems=tuple(problems),
        received_ns=received_ns,
    )


def _calibration(value: Any, problems: list[str]) -> tuple[float, float, float] | None:
    """a, b and perhaps c, with which the energy rises from channel to channel."""
    if value is None:
        return None
    if isinstance(value, list) and len(value) in (2, 3) and all(map(is_number, value)):
        a, b, c = (*map(float, value), 0.0)[:3]
        if b > 0:
            return (a, b, c)
    problems.append(
        f"spectrum: calibration {shown(value)} is left out: send [a, b, c] in eV, "
        "with b above 0"
    )
    return None


def _above_0(name: str, value: Any, problems: list[str]) -> float | None:
    if value is None or (is_number(value) and value > 0):
        return None if value is None else float(value)
    problems.append(
        f"spectrum: {name} {shown(value)} is left out: it must be a number above 0"
    )
    return None
