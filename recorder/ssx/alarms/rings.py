"""Ice or salt rings."""

from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.observation import Images
from recorder.ssx.alarms.rates import Level, RateSpec, Trials

RINGS = RateSpec("rings", (Level("", Severity.AMBER, 0.01, 0.1),))


def ring_trials(images: Images) -> Trials:
    """All classified images."""
    which = images.processed
    return Trials(images.image_id[which], images.time_s[which], images.rings[which])
