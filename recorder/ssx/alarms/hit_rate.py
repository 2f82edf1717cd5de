"""The hit rate falls: three levels, with a band between in which nothing is said.

On a jet the rate wanders by some 20 % within seconds. A sum that tells a half from the
whole raises 190 false alarms a shift there; one that tells a half from three quarters
raises three, and one that tells a quarter from a half none.
"""

from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.observation import NOWHERE, Images
from recorder.ssx.alarms.rates import Level, RateSpec, Trials

HIT_RATE = RateSpec(
    "hit_rate",
    (
        Level("gone", Severity.RED, 0.5, 0.1),
        Level("collapsed", Severity.RED, 0.5, 0.25),
        Level("lower", Severity.AMBER, 0.75, 0.5),
    ),
    relative=True,
)
RESTLESS = 4.0
"""Variance of the hits of 2 s over that of chance above which *lower* only informs: at
a hit rate of 0.2 and 100 Hz a wander of 20 % makes 3."""


def hit_trials(images: Images) -> Trials:
    """Classified images that are not on a chip: there the well decides."""
    which = images.processed & (images.block == NOWHERE)
    return Trials(images.image_id[which], images.time_s[which], images.hit[which])
