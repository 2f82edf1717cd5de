"""Fewer of the hits index."""

from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.observation import Images
from recorder.ssx.alarms.rates import Level, RateSpec, Trials

INDEX_RATE = RateSpec(
    "index_rate",
    (Level("", Severity.AMBER, 1.0, 5 / 7),),
    relative=True,
    arms_at=500,
)


def index_trials(images: Images) -> Trials:
    """Hits that were tried at the usual work level; the others failed at nothing."""
    which = images.processed & images.hit & images.tried
    indexed = images.lattices[which] > 0
    return Trials(images.image_id[which], images.time_s[which], indexed)
