"""What a space-group symbol says: centring letter and crystal system.

The 65 groups without mirror or inversion, in which proteins crystallise, come from
a table (International Tables for Crystallography, volume A); other symbols are
read by their parts.
"""

from __future__ import annotations

import re

_SYSTEMS: dict[str, str] = {
    "triclinic": "P1",
    "monoclinic": "P2 P21 C2 A2 B2 I2",
    "orthorhombic": (
        "P222 P2221 P21212 P212121 C2221 C222 F222 I222 I212121 P2122 P2212 P22121 "
        "P21221 A222 B222 A2122 B2212"
    ),
    "tetragonal": (
        "P4 P41 P42 P43 I4 I41 P422 P4212 P4122 P41212 P4222 P42212 P4322 P43212 "
        "I422 I4122"
    ),
    "trigonal": ("P3 P31 P32 R3 P312 P321 P3112 P3121 P3212 P3221 R32 H3 H32"),
    "hexagonal": ("P6 P61 P65 P62 P64 P63 P622 P6122 P6522 P6222 P6422 P6322"),
    "cubic": ("P23 F23 I23 P213 I213 P432 P4232 F432 F4132 I432 P4332 P4132 I4132"),
}
_TABLE = {name: system for system, names in _SYSTEMS.items() for name in names.split()}
_LETTERS = "PABCIFRH"


def normalise(symbol: str | None) -> str:
    """Symbol without blanks, setting (``:H``) and the ones of monoclinic groups."""
    text = re.sub(r"[\s_()]", "", symbol or "")
    text = text.split(":")[0]
    if not text or text[0].upper() not in _LETTERS:
        return ""
    text = text[0].upper() + text[1:].lower()
    # P 1 21 1, C 1 2 1, P 1 1 2: the unique axis does not matter here
    match = re.fullmatch(r"([A-Z])(?:1(21?)1|11(21?)|(21?)11)", text)
    if match and text not in _TABLE:
        return match[1] + (match[2] or match[3] or match[4])
    return text


def centring_letter(symbol: str | None) -> str:
    """First letter of the symbol, one of P A B C I F R H; P if there is none."""
    text = normalise(symbol)
    return text[0] if text else "P"


def crystal_system(symbol: str | None) -> str | None:
    """Crystal system of a space group, None if the symbol does not say.

    Args:
        symbol: Hermann-Mauguin symbol with or without blanks: ``P 43 21 2``.

    Returns:
        triclinic, monoclinic, orthorhombic, tetragonal, trigonal, hexagonal, cubic.
    """
    text = normalise(symbol)
    if not text:
        return None
    known = _TABLE.get(text)
    if known is not None:
        return known
    return _guess(text[1:])


def _guess(body: str) -> str | None:
    """Crystal system of a group with mirrors or inversion, by its symbol's parts."""
    if body in ("-1", "1"):
        return "triclinic"
    if body.startswith(("6", "-6")):
        return "hexagonal"
    if re.match(r"(-?4|[mabcdn])[123]?(/[a-z])?-?3", body):
        return "cubic"
    if body.startswith(("3", "-3")):
        return "trigonal"
    if body.startswith(("4", "-4")):
        return "tetragonal"
    if re.fullmatch(r"1?(21?/[a-z]|[mabcdn]|21?)1?", body):
        return "monoclinic"
    if re.fullmatch(r"(21?|[mabcden]){3}", body):
        return "orthorhombic"
    return None
