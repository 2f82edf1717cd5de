"""What an alarm says, in words: what changed, from where to where, since when."""

from __future__ import annotations

from recorder.ssx.alarms.losses import Teeth
from recorder.ssx.alarms.medians import MedianSignal
from recorder.ssx.alarms.misfires import NEVER, Row
from recorder.ssx.alarms.rates import Signal

_SHARES = {
    "hit_rate": "Hit rate fell from {} to about {}",
    "hit_rate_block": "Hit rate of this block: about {1}, of the same rows before {0},",
    "index_rate": "Index rate of hits fell from {} to about {}",
    "several_lattices": "Images with several lattices: {1}, expected {0}",
    "rings": "Ice or salt rings in {1} of the images, usual {0}",
    "misfires": "The laser misses {1} of its pulses, usual {0}",
    "losses": "{1} of the images are lost, usual {0}",
}
_MEDIANS = {
    "solvent": "Solvent ring",
    "background": "Background",
    "resolution": "Resolution limit",
    "cell": "Cell lengths",
}


def percent(share: float) -> str:
    """A share in per cent, two figures."""
    return f"{share * 100:.2g} %" if share < 0.995 else "100 %"


def share_text(kind: str, signal: Signal) -> str:
    """The words of an alarm of a share."""
    since = signal.since
    after = since.successes / since.trials if since.trials else 0.0
    what = _SHARES[kind].format(percent(signal.normal), percent(after))
    return f"{what} since image {since.image_id} ({_ago(signal.at_s - since.time_s)})."


def median_text(kind: str, signal: MedianSignal) -> str:
    """The words of an alarm of a quantity."""
    standing = signal.standing
    if kind == "cell":
        change = standing.now - signal.centre
    else:
        change = standing.now / signal.centre - 1 if signal.centre else 0.0
    seconds = _ago(standing.at_s - standing.since_s)
    return (
        f"{_MEDIANS[kind]} changed by {change * 100:+.2g} % since image "
        f"{standing.since_image} ({seconds})."
    )


def row_text(row: Row) -> str:
    """The words of misfires in a row."""
    if row.never:
        return (
            f"A laser is declared, and none was seen in {NEVER} pulses due: is it on, "
            "is its shutter open, does the sensor see it?"
        )
    return (
        f"The laser missed {row.length} pulses in a row since image "
        f"{row.first_image}: is it on?"
    )


def teeth_text(teeth: Teeth) -> str:
    """The words of a comb of losses."""
    if teeth.received:
        what = f"Only every {_nth(teeth.every)} image comes"
    else:
        what = f"Every {_nth(teeth.every)} image is missing"
    return (
        f"{what} since image {teeth.since_image}: another client takes the others. "
        "Find out what else is connected to the detector's stream, and stop it."
    )


def _nth(n: int) -> str:
    return {2: "second", 3: "third"}.get(n, f"{n}th")


def _ago(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
