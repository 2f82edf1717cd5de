"""What becomes of the best hypothesis: taken, refused, and what people should know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recorder.records import Finding, FindingKind
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices import symmetry
from recorder.ssx.learning.multiples import OtherMultiple, other_multiple
from recorder.ssx.learning.same_lattice import multiple_of, scale_between
from recorder.ssx.learning.trial import LatticeKnowledge, Trial

MOST_SCALE = 0.06
"""Relative change of the distance, or of an edge, that is believed: 5 % are asked for;
more is another detector or another crystal. Chosen, not tuned."""
_UNSAID = 0.02
"""How far cell and geometry may disagree before it is said. Chosen, not tuned: real
thaumatin has 1.3 %."""
_EITHER = 0.03
"""How far they may disagree before the spots must tell which of the two is wrong: so
much was always taken."""
_DETERMINED = 0.003
"""Standard deviation of the logarithm of the distance below which spots tell it from
the size of the cell. Where they do not, what is expected of it, 2 %, stays."""
_LEAST_SIGMA = 0.002
"""Smallest standard deviation that is said: of 20 refinements of simulated spots the
worst was 0.17 % off, whatever its own was."""
_MOST_ANGLE = 1.5
"""Change of an angle of the given cell (degrees) that is believed: no wrong distance
makes it, and cells of one crystal form do not differ so. Chosen, not tuned."""
_MOST_CENTRE = 20.0
"""Change of the beam centre (px) that is believed. Chosen, not tuned: 5 px happen."""


@dataclass(frozen=True, slots=True)
class _Off:
    """How far a hypothesis is from what was given."""

    distance: float
    """Relative."""
    edge: float
    """Relative, the mean of the three edges."""
    worst_edge: float
    """Relative size of the largest change."""
    centre: float
    """px."""
    angle: float
    """Largest change of an angle of the cell, degrees."""

    @property
    def apparent(self) -> float:
        """How much larger the cell would be at the given distance."""
        return (1 + self.edge) / (1 + self.distance) - 1


def scale_of(found: FloatArray, basis: FloatArray) -> float:
    """How much longer the edges of a lattice are, on average."""
    return scale_between(found, basis)


def verdict(
    known: LatticeKnowledge,
    given: LatticeKnowledge,
    best: Trial,
    other: Trial | None = None,
    before: Trial | None = None,
) -> LatticeKnowledge:
    """What to use from now on.

    Args:
        known: What is in use.
        given: What people, header and files said.
        best: The best hypothesis with the given cell, or without one.
        other: One with another cell than the given one, if that is clearly better.
        before: How the hits index with what is in use, if there were rivals.
    """
    findings: list[Finding] = []
    taken = best.knowledge
    if other is not None:
        findings.append(_other_cell(given, best, other))
    off = _off(given, taken)
    if taken is not known and off is not None:
        refusal = _refusal(given, best, off)
        if refusal is not None:
            findings.append(refusal)
            taken = known
        elif given.cell is not None and abs(off.apparent) > _UNSAID:
            findings.append(_disagree(given, best, off, used=True))
    if taken.found and taken is not known and _new(known, taken):
        findings.append(_cell_found(given, best))
    rival = taken is not known and before is not None and best is not before
    if rival and before is not None and known.images:
        findings.append(_unlearned(before, best))
    if other is None and not taken.found and taken.cell is not None:
        multiple = other_multiple(best)
        if multiple is not None:
            findings.append(_multiple(given, multiple))
    if taken is known and not findings:
        return known
    return replace(taken, findings=tuple(findings))


def _new(known: LatticeKnowledge, taken: LatticeKnowledge) -> bool:
    return not known.found or known.lattice != taken.lattice


def _off(given: LatticeKnowledge, taken: LatticeKnowledge) -> _Off | None:
    if taken.cell is None:
        return None
    said = given.cell or taken.cell
    edges = np.array(taken.cell[:3]) / np.array(said[:3]) - 1
    apart = np.subtract(taken.geometry.beam_center, given.geometry.beam_center)
    return _Off(
        distance=taken.geometry.distance / given.geometry.distance - 1,
        edge=float(edges.mean()),
        worst_edge=float(np.abs(edges).max()),
        centre=float(math.hypot(*apart)),
        angle=float(np.abs(np.subtract(taken.cell[3:], said[3:])).max()),
    )


def _refusal(given: LatticeKnowledge, best: Trial, off: _Off) -> Finding | None:
    """Why a hypothesis is not taken, if it is not."""
    far = max(abs(off.distance), off.worst_edge) > MOST_SCALE
    if far or off.centre > _MOST_CENTRE or off.angle > _MOST_ANGLE:
        return Finding(
            FindingKind.LIMIT,
            f"cell and geometry disagree: what the hits ask for is not believed, "
            f"{_asked(best)}, which is "
            f"{100 * off.distance:+.1f} % of the distance, {100 * off.edge:+.1f} % of "
            f"the cell, {off.angle:.1f}° of its angles, {off.centre:.1f} px of the "
            f"beam centre (limits {100 * MOST_SCALE:.0f} %, {_MOST_ANGLE:g}°, "
            f"{_MOST_CENTRE:.0f} px); mend geometry or unit_cell",
        )
    disagree = given.cell is not None and abs(off.apparent) > _EITHER
    if disagree and best.distance_sigma > _DETERMINED:
        return _disagree(given, best, off, used=False)
    return None


def _disagree(
    given: LatticeKnowledge, best: Trial, off: _Off, *, used: bool
) -> Finding:
    said = (
        "cell and geometry disagree: at the given distance of "
        f"{given.geometry.distance:.4f} m the spots ask for edges "
        f"{100 * off.apparent:+.1f} % off the given cell"
    )
    if used and best.distance_sigma <= _DETERMINED:
        found = (
            f"{_asked(best)} explains both, the distance to "
            f"{_sigma(best)} %, and is used"
        )
    else:
        found = (
            "the spots lie at angles too low to tell which of the two is wrong "
            f"(the distance only to {_sigma(best)} %); "
        ) + (f"{_asked(best)} is used" if used else "nothing is changed")
    return Finding(
        FindingKind.DISAGREE,
        f"{said}; {found}; mend detector distance, wavelength or unit_cell",
    )


def _sigma(trial: Trial) -> str:
    return f"{100 * max(trial.distance_sigma, _LEAST_SIGMA):.1f}"


def _asked(trial: Trial) -> str:
    known = trial.knowledge
    return (
        f"distance {known.geometry.distance:.4f} m with cell {cell_text(known)} "
        f"({_count(trial)})"
    )


def _count(trial: Trial) -> str:
    return f"{trial.indexed} of {len(trial.hits)} hits index"


def cell_text(known: LatticeKnowledge) -> str:
    """A cell for people, with its lattice if that was found."""
    numbers = " ".join(f"{value:.1f}" for value in known.cell or ())
    return f"{numbers} ({known.lattice})" if known.lattice else numbers


def _other_cell(given: LatticeKnowledge, best: Trial, other: Trial) -> Finding:
    found = other.knowledge
    theirs, ours = _basis(found), _basis(given)
    multiple = None
    if theirs is not None and ours is not None:
        multiple = multiple_of(theirs, ours, MOST_SCALE)
    tail = (
        f"the given cell {cell_text(given)} indexes {best.indexed}; it is not "
        "exchanged: announce unit_cell and space_group of these crystals"
    )
    if multiple is None:
        return Finding(
            FindingKind.OTHER_CELL,
            f"the hits index with another cell: {cell_text(found)} ({_count(other)}); "
            + tail,
        )
    times = f"{multiple.factor} times" if multiple.larger else f"1/{multiple.factor} of"
    return Finding(
        FindingKind.AXIS,
        f"{_axis(given.cell or (), found.cell or (), multiple.factor)}: the hits index "
        f"with {times} the volume of the given cell, {cell_text(found)} "
        f"({_count(other)}); {tail}",
    )


def _multiple(given: LatticeKnowledge, found: OtherMultiple) -> Finding:
    cell = " ".join(f"{value:.1f}" for value in found.lattice.cell)
    why = (
        f"{found.spots} spots lie between its points"
        if found.larger
        else f"of its points only one in {found.factor} has spots ({found.spots})"
    )
    axis = _axis(given.cell or (), found.lattice.cell, found.factor)
    return Finding(
        FindingKind.AXIS,
        f"{axis}: {why}; {cell} ({found.lattice.code}) explains them; "
        "nothing is exchanged: announce the right unit_cell",
    )


def _basis(known: LatticeKnowledge) -> FloatArray | None:
    if known.cell is None:
        return None
    return symmetry.primitive_vectors(known.cell, known.space_group)[0]


def _axis(given: Sequence[float], found: Sequence[float], factor: int) -> str:
    """Which axis of the given cell is wrong, if one alone is."""
    name = {2: ("halved", "doubled"), 3: ("a third", "tripled")}[factor]
    fits = []
    for axis, letter in enumerate("abc"):
        for wanted, said in ((factor, name[0]), (1 / factor, name[1])):
            edges = list(given[:3])
            edges[axis] *= wanted
            off = np.abs(np.sort(found[:3]) / np.sort(edges) - 1).max()
            fits.append((float(off), letter, said, edges[axis]))
    off, letter, said, right = min(fits)
    if off < MOST_SCALE:
        return f"axis {letter} of the given cell is {said}, {right:.1f} Å fits"
    return "the given cell is a multiple of that of the lattice, or a part of it"


def _cell_found(given: LatticeKnowledge, best: Trial) -> Finding:
    known = best.knowledge
    misfit = "" if known.misfit is None else f", misfit {100 * known.misfit:.2f} %"
    share = known.geometry.distance / given.geometry.distance - 1
    told = (
        f"spots at high angles tell the distance, {known.geometry.distance:.4f} m "
        f"({100 * share:+.1f} %), to {_sigma(best)} %"
        if best.distance_sigma <= _DETERMINED
        else f"its size rests on the given distance of {given.geometry.distance:.4f} m"
    )
    return Finding(
        FindingKind.CELL_FOUND,
        f"no unit cell was given: the hits have {cell_text(known)}{misfit} "
        f"({_count(best)}); {told}; announce unit_cell if you know it better",
    )


def _unlearned(before: Trial, best: Trial) -> Finding:
    return Finding(
        FindingKind.UNLEARNED,
        f"geometry and cell that were learned before are given up: {_count(before)} "
        f"with them; {_asked(best)}",
    )
