"""Space groups as far as intensities need them.

Independent of :mod:`recorder.ssx` on purpose, as all of the simulator's truth.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np

from recorder.errors import UsageError
from recorder.simulate.arrays import Ints, Mask

# Rotations as they act on (h, k, l); letters as used in _CLASSES.
_GENERATORS = {
    "x": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "y": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "z": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "4": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "3": ((0, 1, 0), (-1, -1, 0), (0, 0, 1)),
    "6": ((1, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "u": ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
    "v": ((0, -1, 0), (-1, 0, 0), (0, 0, -1)),
    "t": ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
}
# Lattice letters, the rest of the symbol, generators, axes of each bracketed screw.
_CLASSES = (
    ("PABCFI", "1", "", ()),
    ("PABCI", "1(21?)1", "y", ("b",)),
    ("PABCI", "(21?)", "y", ("b",)),
    ("PABCFI", "(21?)(21?)(21?)", "yz", ("a", "b", "c")),
    ("PI", "(4[1-3]?)", "4", ("c",)),
    ("PI", "(4[1-3]?)(21?)2", "4x", ("c", "ab")),
    ("R", "3", "3", ()),
    ("R", "32", "3u", ()),
    ("P", "(3[12]?)", "3", ("c",)),
    ("P", "(3[12]?)21", "3u", ("c",)),
    ("P", "(3[12]?)12", "3v", ("c",)),
    ("P", "(6[1-5]?)", "6", ("c",)),
    ("P", "(6[1-5]?)22", "6u", ("c",)),
    ("PFI", "(21?)3", "yzt", ("abc",)),
    ("PFI", "(4[1-3]?)32", "4xt", ("abc",)),
)


class SpaceGroup(NamedTuple):
    """What intensities need to know of a space group."""

    centring: str
    """P, A, B, C, I, F or R (hexagonal axes, obverse)."""
    rotations: Ints
    """(n, 3, 3), acting on column vectors (h, k, l); inversion not included."""
    screws: tuple[int, int, int]
    """h00, 0k0 and 00l are absent unless divisible by these."""


def space_group(symbol: str) -> SpaceGroup:
    """Parse the Hermann-Mauguin symbol of a chiral space group.

    Absences of screw axes and centrings as in International Tables A, 2.1.3.

    Raises:
        UsageError: The symbol is not one of a chiral group in a standard setting.
    """
    plain = re.sub(r"[\s_()]|:H$", "", symbol.strip())
    letter, body = plain[:1].upper().replace("H", "R"), plain[1:]
    for letters, pattern, generators, axes in _CLASSES:
        match = re.fullmatch(pattern, body)
        if match and letter in tuple(letters):
            screws = {"a": 1, "b": 1, "c": 1}
            for token, where in zip(match.groups(), axes, strict=True):
                fold = int(token[0])
                step = int(token[1:] or 0)
                screws |= dict.fromkeys(where, fold // math.gcd(fold, step))
            divisors = (screws["a"], screws["b"], screws["c"])
            return SpaceGroup(letter, _closure(generators), divisors)
    raise UsageError(
        f"space group {symbol!r} cannot be simulated; give a chiral one in a "
        "standard setting, such as P43212, C2 or R3"
    )


def _closure(generators: str) -> Ints:
    """All products of the named generators, (n, 3, 3)."""
    found = {tuple(np.eye(3, dtype=np.int64).ravel().tolist())}
    todo = list(found)
    while todo:
        matrix = np.reshape(todo.pop(), (3, 3))
        for name in generators:
            product = tuple((np.array(_GENERATORS[name]) @ matrix).ravel().tolist())
            if product not in found:
                found.add(product)
                todo.append(product)
    return np.array(sorted(found), np.int64).reshape(-1, 3, 3)


def present(hkl: Ints, group: SpaceGroup) -> Mask:
    """False for (n, 3) indices that centring or screw axes extinguish."""
    h, k, ell = hkl.T
    rules = {
        "A": (k + ell) % 2 == 0,
        "B": (h + ell) % 2 == 0,
        "C": (h + k) % 2 == 0,
        "I": (h + k + ell) % 2 == 0,
        "F": ((h + k) % 2 == 0) & ((k + ell) % 2 == 0),
        "R": (-h + k + ell) % 3 == 0,
    }
    good: Mask = rules.get(group.centring, np.ones(len(hkl), np.bool_))
    for axis, divisor in enumerate(group.screws):
        others = np.delete(hkl, axis, axis=1)
        good &= others.any(axis=1) | (hkl[:, axis] % divisor == 0)
    return good


def axis_classes(group: SpaceGroup) -> tuple[int, int, int]:
    """For each axis the first that symmetry makes as long: (0, 0, 2) for P4."""
    firsts = []
    for axis in range(3):
        images = np.abs(group.rotations[:, :, axis])
        whole = images[images.sum(axis=1) == 1]
        firsts.append(int(whole.argmax(axis=1).min()))
    return (firsts[0], firsts[1], firsts[2])
