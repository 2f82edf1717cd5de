"""One run to simulate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recorder.records import Json
from recorder.simulate.stream.chip import SimulatedChip
from recorder.simulate.stream.series import (
    default_chains,
)
from recorder.simulate.timing.faults import Faults

NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """One run to simulate."""

    number: int
    images: int
    rate_hz: float
    protocol: str = "stream1"
    faults: Faults = NO_FAULTS
    seed: int = 1
    laser_every: int = 2
    """The laser fires before every n-th trigger; 0: never."""
    delay_s: float = 0.0
    chains: tuple[Json, ...] = ()
    """Event chains to play instead of that laser."""
    gap_s: float = 0.1
    """Mean time from one position to the next, for chains of scope ``position``."""
    speed: float = 1.0
    """How much faster than real time everything goes."""
    experiment: str = "simulated"
    proposal: str | None = None
    """Code and number; None: as the configuration says of unannounced runs."""
    sample: str = "lysozyme"
    chip: SimulatedChip | None = None
    """What it walks over: its series shows an image for each trigger, not for each
    image_id."""
    truth: Path | None = None
    uid: str | None = None
    """Uid of the run; None: a new one."""

    @property
    def period_s(self) -> float:
        """Time between triggers."""
        return 1.0 / self.rate_hz

    @property
    def event_chains(self) -> tuple[Json, ...]:
        """What is announced and played."""
        if self.chains:
            return self.chains
        chains = default_chains(
            self.images, self.period_s, self.laser_every, self.delay_s
        )
        return tuple(chains)
