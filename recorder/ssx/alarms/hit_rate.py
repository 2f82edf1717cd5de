"""The hit rate falls: three levels, with a band between in which nothing is said.

On a jet the rate wanders by some 20 % within seconds. A sum that tells a half from the
whole raises 190 false alarms a shift there; one that tells a half from three quarters
raises three, and one that tells a quarter from a half none.
"""

from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.observation import NOWHERE, Images
from recorder.ssx.alarms.rates import Level, RateSpec, Trials

OF_LOWER = 0.5
"""False alarms a shift of *lower* if the rate stayed at three quarters of the normal
one, which nobody calls normal. With 0.1 a halving at 100 Hz takes 12.5 s instead of
10.7, and a wander of 20 % raises 2.5 alarms a shift instead of 4."""
HIT_RATE = RateSpec(
    "hit_rate",
    (
        Level("gone", Severity.RED, 0.5, 0.1),
        Level("collapsed", Severity.RED, 0.5, 0.25),
        Level("lower", Severity.AMBER, 0.75, 0.5, false_alarms=OF_LOWER),
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
