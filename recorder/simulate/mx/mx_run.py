"""One run of a technique to simulate."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.errors import UsageError
from recorder.records import Json
from recorder.simulate.mx.absorption import SimulatedEnergyScan
from recorder.simulate.mx.fluorescence import SimulatedSpectrum
from recorder.simulate.mx.grids import SimulatedGrid
from recorder.simulate.mx.sweeps import SimulatedSweeps, SimulatedWedges
from recorder.simulate.spec import read_spec
from recorder.simulate.stream.series import Series
from recorder.simulate.timing.faults import Faults

NO_FAULTS = Faults()
PLANS = {
    "mx-rotation": SimulatedSweeps,
    "mx-characterisation": SimulatedWedges,
    "mx-grid": SimulatedGrid,
    "energy-scan": SimulatedEnergyScan,
    "xrf": SimulatedSpectrum,
}
"""What each technique is planned with."""
Plan = SimulatedSweeps | SimulatedGrid | SimulatedEnergyScan | SimulatedSpectrum
IMAGE_FAULTS = frozenset(
    {
        *("lost", "missed", "lost_bursts", "missed_bursts", "missed_head"),
        *("missed_trigger", "duplicate", "reorder", "corrupt", "no_header", "no_end"),
        *("stop", "abort", "join_late", "skew", "drift", "step", "stamp"),
    }
)
"""Faults that a run with images can have."""
MESSAGE_FAULTS = frozenset({"lost", "duplicate", "no_end", "abort"})
"""Faults that a run of messages can have."""


@dataclass(frozen=True, slots=True)
class MxRun:
    """One run to simulate.

    Raises:
        UsageError: A fault that it cannot have.
    """

    number: int
    technique: str
    plan: Plan
    series: Series | None = None
    """What its images show; None: it has none."""
    rate_hz: float = 100.0
    protocol: str = "stream1"
    faults: Faults = NO_FAULTS
    seed: int = 1
    speed: float = 1.0
    """How much faster than real time everything goes."""
    experiment: str = "simulated"
    proposal: str | None = None
    """Code and number; None: as the configuration says of unannounced runs."""
    sample: str = "lysozyme"
    truth: Path | None = None
    uid: str | None = None
    """None: a new one."""

    def __post_init__(self) -> None:
        known = IMAGE_FAULTS if self.takes_images else MESSAGE_FAULTS
        for name in Faults.__slots__:
            changed = getattr(self.faults, name) != getattr(NO_FAULTS, name)
            if changed and name not in known:
                raise UsageError(
                    f"{name}: no fault of {self.technique}; known: "
                    f"{', '.join(sorted(known))}"
                )

    @property
    def takes_images(self) -> bool:
        """Whether it has images."""
        return isinstance(self.plan, SimulatedSweeps | SimulatedGrid)

    @property
    def period_s(self) -> float:
        """Time between images of a sweep or a line."""
        return 1.0 / self.rate_hz


def parse_plan(technique: str, spec: str) -> Plan:
    """Read a list such as ``start=184.32,range=1,sweeps=4``.

    Args:
        technique: One of ``PLANS``.
        spec: Settings of its plan.

    Raises:
        UsageError: It names what is not known, or a value out of its range.
    """
    kind = PLANS[technique]
    try:
        plan: Plan = kind(**read_spec(spec, kind, f"setting of {technique}"))
    except UsageError as error:
        raise UsageError(f"plan: {error}") from error
    return plan


def numbered(run: MxRun, number: int, truth: Path | None) -> MxRun:
    """The same run again, under another number and with other noise.

    Args:
        run: The first one.
        number: Of this one.
        truth: Where its truth is written.
    """
    uid = run.uid and (run.uid if number == 1 else f"{run.uid}-{number}")
    seed = run.seed + number - 1
    return replace(run, number=number, seed=seed, uid=uid, truth=truth)


def write_truth(run: MxRun, lines: list[Json]) -> None:
    """Write the truth of a run, if somebody wants it."""
    if run.truth is None:
        return
    run.truth.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    run.truth.write_text(text, encoding="utf-8")
