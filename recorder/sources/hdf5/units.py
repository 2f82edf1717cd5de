"""Units as writers spell them, and what a value in them is in ours."""

from __future__ import annotations

import unicodedata
from typing import Any

_WORDS = {
    "m": ("metre", "meter"),
    "cm": ("centimetre", "centimeter"),
    "mm": ("millimetre", "millimeter", "milimeter"),
    "um": ("micron", "micrometre", "micrometer", "mum", "mu"),
    "nm": ("nanometre", "nanometer"),
    "pm": ("picometre", "picometer"),
    "angstrom": ("a", "å", "ang", "angström", "angstroem", "ångström", "ångstrom"),
    "ev": ("electronvolt", "electron volt"),
    "kev": ("kiloelectronvolt",),
    "j": ("joule",),
    "s": ("sec", "second"),
    "ms": ("msec", "millisecond"),
    "us": ("usec", "microsecond", "mus"),
    "ns": ("nsec", "nanosecond"),
    "px": ("pixel", "pix"),
    "deg": ("degree", "°"),
    "rad": ("radian",),
    "mrad": ("milliradian",),
}
_NAMES = {word: unit for unit, words in _WORDS.items() for word in (unit, *words)}
_PLURALS = {f"{word}s" for word in _NAMES if len(word) > 2}

METRES = {
    "m": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "um": 1e-6,
    "nm": 1e-9,
    "pm": 1e-12,
    "angstrom": 1e-10,
}
"""Metres in one of each unit."""
ANGSTROMS = {unit: 1e10 * factor for unit, factor in METRES.items()}
"""Ångström in one of each unit."""
ELECTRONVOLT_J = 1.602176634e-19
"""Joules in an electronvolt: exact, by the SI of 2019."""
ELECTRONVOLTS = {"ev": 1.0, "kev": 1e3, "MeV": 1e6, "j": 1 / ELECTRONVOLT_J}
"""Electronvolts in one of each unit."""
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Seconds in one of each unit."""


def unit_text(raw: Any) -> str:
    """A unit as text, whatever its bytes mean: UTF-8, else Latin-1.

    Args:
        raw: The attribute: bytes, or text that h5py decoded with escapes.
    """
    if isinstance(raw, str):
        raw = raw.encode("utf-8", "surrogateescape")
    if not isinstance(raw, bytes):
        return str(raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.strip(" \t\r\n\0")


def unit_name(text: str) -> str:
    """Our name of a unit, such as ``um``; the text itself if it is none that we know.

    Args:
        text: ``microns``, ``µm`` with either sign, ``Millimetre``, …; empty for none.
    """
    # NFKC makes one of the two micro signs, and of the ångström sign and the letter
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain == "MeV":
        return plain
    low = plain.replace("μ", "u").lower()
    if plain == "meV":  # a thousandth, and nobody's energy of X-rays
        return plain
    if low in _PLURALS:
        low = low[:-1]
    return _NAMES.get(low, plain)
