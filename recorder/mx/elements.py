"""Names of elements and of absorption edges, as they are written."""

from __future__ import annotations

SYMBOLS = tuple(
    (
        "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu "
        "Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs "
        "Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl "
        "Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf"
    ).split()
)
"""Elements by atomic number, the first is 1."""
EDGES = ("K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5")
"""Absorption edges."""


def symbol_of(text: str) -> str | None:
    """The element that a text means, in whatever case; None: none."""
    wanted = text.strip().casefold()
    return next((one for one in SYMBOLS if one.casefold() == wanted), None)


def edge_of(text: str) -> str | None:
    """The edge that a text means, as ``LIII`` or ``l3``; None: none."""
    wanted = text.strip().upper()
    for roman, number in (("III", "3"), ("II", "2"), ("IV", "4"), ("I", "1")):
        if wanted[1:] == roman:
            wanted = wanted[0] + number
    if wanted[1:] == "V":
        wanted = wanted[0] + "5"
    return wanted if wanted in EDGES else None
