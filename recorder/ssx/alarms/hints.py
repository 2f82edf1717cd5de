"""What may be the cause of an alarm: a table of what changed with what."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from recorder.ssx.alarms.comparing import LIGHT_TO_DARK, SURE, Comparison
from recorder.ssx.alarms.events import Evidence, Hint

MOST_HINTS = 2
"""Nobody reads three guesses at three in the morning."""
_DARK = 0.3
"""Background relative to what it was below which there are no X-rays: a jet that is
gone still leaves the scatter of the air. Chosen, not tuned."""
_GONE = 0.1
"""Hit rate relative to what it was below which hits are gone."""
_OVERLOAD = 0.1
"""Share of unprocessed images from which on we do not follow."""

HITS, INDEX, RINGS = "hit rate", "index rate of hits", "images with rings"
SEVERAL, MISSING = "images with several lattices", "unprocessed images"
LIGHT, DARK = "hit rate, light", "hit rate, dark"
_TOLD_BY = {
    "hit_rate": (HITS, -1),
    "hit_rate_block": (HITS, -1),
    "index_rate": (INDEX, -1),
    "several_lattices": (SEVERAL, 1),
    "rings": (RINGS, 1),
    "solvent": ("solvent", -1),
    "background": ("background", 1),
    "resolution": ("resolution", 1),
}
"""What an alarm itself says changed, and which way."""


@dataclass(frozen=True, slots=True)
class Changes:
    """A comparison, and what the alarm itself says."""

    comparison: Comparison
    kind: str

    def down(self, name: str) -> bool:
        """It fell, surely."""
        return self.comparison.z(name) < -SURE or _TOLD_BY.get(self.kind) == (name, -1)

    def up(self, name: str) -> bool:
        """It rose, surely."""
        return self.comparison.z(name) > SURE or _TOLD_BY.get(self.kind) == (name, 1)

    def same(self, name: str) -> bool:
        """It is known, and did not change so that one could be sure of it."""
        told = _TOLD_BY.get(self.kind, ("", 0))[0] == name
        return abs(self.comparison.z(name)) <= SURE and not told

    def ratio(self, name: str) -> float:
        """After over before; NaN where it is not known or was nothing."""
        found = self.comparison.of(name)
        if found is None or found.before == 0:
            return math.nan
        return found.after / found.before


@dataclass(frozen=True, slots=True)
class Cause:
    """A row of the table."""

    name: str
    text: str
    holds: Callable[[Changes], bool]
    speaks: tuple[str, ...]
    """Quantities whose changes are its evidence."""


def _no_x_rays(c: Changes) -> bool:
    gone = c.down(HITS) and c.ratio(HITS) < _GONE
    return gone and c.down("background") and c.ratio("background") < _DARK


def _jet(c: Changes) -> bool:
    moved = c.down(HITS) and c.down("solvent") and not c.up("background")
    return moved and not _no_x_rays(c)


def _settled(c: Changes) -> bool:
    still = c.same("solvent") and not (c.up("background") or c.down("background"))
    return c.down(HITS) and still and not c.down(INDEX) and c.down(SEVERAL)


def _geometry(c: Changes) -> bool:
    still = not (c.down("solvent") or c.up("solvent") or c.up(RINGS))
    return c.down(INDEX) and c.same(HITS) and still and not c.up(SEVERAL)


def _dense(c: Changes) -> bool:
    return c.down(INDEX) and c.up(SEVERAL) and not c.down(HITS)


def _ice(c: Changes) -> bool:
    return c.up(RINGS) and (c.up(HITS) or c.down(INDEX))


def _thick(c: Changes) -> bool:
    return c.up("background") and c.up("resolution") and not c.down(HITS)


def _laser(c: Changes) -> bool:
    """Light fell, dark did not, and light fell more than dark."""
    apart = c.comparison.z(LIGHT_TO_DARK) < -SURE
    return apart and c.comparison.z(LIGHT) < -SURE and c.same(DARK)


def _overload(c: Changes) -> bool:
    found = c.comparison.of(MISSING)
    many = found is not None and found.after > _OVERLOAD
    return c.down(HITS) and c.up(MISSING) and many


CAUSES = (
    Cause(
        "no_x_rays",
        "no X-rays: shutter, beam dump, top-up",
        _no_x_rays,
        (HITS, "background"),
    ),
    Cause(
        "jet",
        "the jet moved or clogged, or the beam is off the sample",
        _jet,
        ("solvent", "background"),
    ),
    Cause(
        "settled",
        "crystals settled or are used up: shake or change the sample",
        _settled,
        (SEVERAL, HITS),
    ),
    Cause(
        "geometry",
        "geometry or wavelength moved, or the cell is wrong",
        _geometry,
        (INDEX, "cell"),
    ),
    Cause("dense", "crystals too dense, or clumping", _dense, (SEVERAL, INDEX)),
    Cause("ice", "ice or salt, not crystals", _ice, (RINGS, INDEX, HITS)),
    Cause(
        "thick",
        "a thicker jet or more scatter",
        _thick,
        ("background", "resolution"),
    ),
    Cause(
        "laser",
        "the laser damages the crystals or blows the jet away",
        _laser,
        (LIGHT, DARK),
    ),
    Cause(
        "overload",
        "not the sample: the recorder does not follow, images are left out",
        _overload,
        (MISSING,),
    ),
)


def hints_of(kind: str, comparison: Comparison) -> tuple[Hint, ...]:
    """What may be the cause; nothing where nothing stands out.

    Args:
        kind: Of the alarm.
        comparison: The time since the change beside the time before.

    Returns:
        At most two, the one with the strongest evidence first.
    """
    changes = Changes(comparison, kind)
    found = [_hint(one, comparison) for one in CAUSES if one.holds(changes)]
    found.sort(key=_strength, reverse=True)
    return tuple(found[:MOST_HINTS])


def _strength(hint: Hint) -> float:
    return max((abs(one.z) for one in hint.evidence), default=0.0)


def _hint(cause: Cause, comparison: Comparison) -> Hint:
    known = [comparison.of(name) for name in cause.speaks]
    evidence = sorted(
        (one for one in known if one is not None), key=lambda one: -abs(one.z)
    )
    numbers = ", ".join(said(one) for one in evidence)
    return Hint(cause.name, f"Perhaps {cause.text} ({numbers}).", tuple(evidence))


def said(one: Evidence) -> str:
    """One change in words: shares in per cent, others by how much they changed."""
    if one.name in _MEDIANS:
        change = (one.after / one.before - 1) * 100 if one.before else math.nan
        return f"{_MEDIANS[one.name]} {change:+.3g} %"
    return f"{one.name} {one.before:.2g} to {one.after:.2g}"


_MEDIANS = {
    "solvent": "solvent ring",
    "background": "background",
    "resolution": "resolution limit",
    "cell": "cell lengths",
}
