"""Commanded against measured: a verdict for each event, in words and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recorder.records import Chain, ChainEvent, EventType
from recorder.records.times import span_text
from recorder.ssx.clocks.clock import ALARM_PPM
from recorder.ssx.measured.chains import MeasuredChain, MeasuredEvent

OFFSET_S = 1e-6
"""Offsets that differ by less are as commanded."""
SIGMAS = 5.0
"""Standard deviations of a measured offset within which it is as commanded: chance
would cry wolf once in two million events."""
_DURATION = 0.1
"""Relative difference of durations that counts. Chosen, not tuned."""
_SAME_DELAY = 0.05
"""Relative: a delay that is so near to the commanded one but for its sign has the wrong
sign. Chosen, not tuned."""
SHORT = 200
"""Characters of the summary."""

TITLES = {
    EventType.XRAY_DETECTION: "X-ray detection",
    EventType.XRAY_EXPOSURE: "X-ray exposure",
    EventType.LASER_EXCITATION: "laser",
    EventType.REACTION_TRIGGER: "reaction trigger",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one commanded event, or of pulses that nobody commanded."""

    chain: str
    type: EventType
    name: str | None
    state: str
    """``ok``, ``differs``, ``unseen`` (no evidence of it either way) or ``extra``."""
    findings: tuple[str, ...] = ()
    offset_error: float | None = None
    """Measured minus commanded (s)."""
    period_ppm: float | None = None
    fired: int | None = None
    commanded: int | None = None

    @property
    def title(self) -> str:
        """The event in words."""
        named = f" {self.name!r}" if self.name else ""
        return f"{TITLES[self.type]}{named}"


def audit(
    chains: Sequence[Chain],
    measured: Sequence[MeasuredChain],
    *,
    positions: int | None = None,
    goes_on: bool = False,
) -> tuple[Verdict, ...]:
    """Hold the measured chains against the commanded ones.

    Args:
        chains: As commanded.
        measured: As measured, see :func:`recorder.ssx.measured.chains.measure_chains`.
        positions: Positions seen, for chains of scope ``position``.
        goes_on: The run is not over: what did not come yet is not missing.
    """
    verdicts: list[Verdict] = []
    by_chain = {item.chain: item for item in measured if item.chain is not None}
    for number, chain in enumerate(chains):
        answer = by_chain.get(number)
        found = {e.declared: e for e in answer.events} if answer else {}
        times = positions if chain.scope == "position" else 1
        reference = _first_xray(chain, found)
        for place, wanted in enumerate(chain.events):
            verdicts.append(
                _verdict(
                    chain, wanted, found.get(place), reference, times or 1, goes_on
                )
            )
    for item in measured:
        if item.chain is None:
            verdicts += [_extra(item, event) for event in item.events]
    return tuple(verdicts)


def _first_xray(
    chain: Chain, found: Mapping[int | None, MeasuredEvent]
) -> tuple[float, float] | None:
    """Commanded and measured offset of the chain's first X-ray detection."""
    seen = [
        (wanted.offset, found[place].offset)
        for place, wanted in enumerate(chain.events)
        if wanted.type is EventType.XRAY_DETECTION and place in found
    ]
    return min(seen) if seen else None


def _verdict(
    chain: Chain,
    wanted: ChainEvent,
    event: MeasuredEvent | None,
    reference: tuple[float, float] | None,
    times: int,
    goes_on: bool,
) -> Verdict:
    commanded = _commanded(wanted, times)
    if event is None:
        return Verdict(
            chain.name, wanted.type, wanted.name, "unseen", commanded=commanded
        )
    findings: list[str] = []
    if event.irregular and wanted.period:
        findings.append(f"no period explains its {event.seen} pulses")
    error = event.offset - wanted.offset
    limit = max(OFFSET_S, SIGMAS * event.offset_sigma)
    if abs(error) > limit and not event.irregular:
        findings.append(_offset_finding(wanted, event, reference, error))
    ppm = None
    if event.period and wanted.period:
        ppm = (event.period / wanted.period - 1) * 1e6
        if abs(ppm) > ALARM_PPM:
            off = _seconds(event.period - wanted.period)
            findings.append(f"period off by {off} ({ppm:+.0f} ppm)")
    if event.complete and _is_another_number(event.seen, commanded, goes_on):
        word = "fired" if wanted.type is EventType.LASER_EXCITATION else "came"
        findings.append(f"{word} {event.seen} times of {commanded}")
    if _other_duration(wanted.duration, event.duration):
        findings.append(
            f"lasted {_seconds(event.duration or 0.0)}, "
            f"commanded {_seconds(wanted.duration or 0.0)}"
        )
    return Verdict(
        chain=chain.name,
        type=wanted.type,
        name=wanted.name or event.name,
        state="differs" if findings else "ok",
        findings=tuple(findings),
        offset_error=error,
        period_ppm=ppm,
        fired=event.seen,
        commanded=commanded,
    )


def _commanded(wanted: ChainEvent, times: int) -> int | None:
    """Pulses that were commanded in all; None if for ever."""
    if not wanted.period:
        return times
    return None if not wanted.repetition else wanted.repetition * times


def _is_another_number(seen: int, commanded: int | None, goes_on: bool) -> bool:
    if commanded is None:
        return False
    return seen > commanded if goes_on else seen != commanded


def _offset_finding(
    wanted: ChainEvent,
    event: MeasuredEvent,
    reference: tuple[float, float] | None,
    error: float,
) -> str:
    """An offset of the wrong sign is worth its own word."""
    if reference is not None and wanted.type is EventType.LASER_EXCITATION:
        before = reference[0] - wanted.offset
        after = reference[1] - event.offset
        if event.period:
            # The pulse nearest to the detection: whole periods say nothing.
            whole = round((after + before) / event.period)
            after -= whole * event.period
        if before and abs(after + before) <= _SAME_DELAY * abs(before):
            return (
                f"wrong sign of the delay: commanded {_seconds(before)}, "
                f"measured {_seconds(after)}"
            )
        return (
            f"delay off by {_seconds(-error)}: commanded {_seconds(before)}, "
            f"measured {_seconds(before - error)}"
        )
    return f"offset off by {_seconds(error)}"


def _other_duration(wanted: float | None, found: float | None) -> bool:
    if not wanted or found is None:
        return False
    return abs(found - wanted) > _DURATION * wanted


def _extra(chain: MeasuredChain, event: MeasuredEvent) -> Verdict:
    many = f"{event.seen} pulses" if event.seen > 1 else "1 pulse"
    what = f", every {_seconds(event.period)}" if event.period else ""
    return Verdict(
        chain=chain.name,
        type=event.type,
        name=event.name,
        state="extra",
        findings=(f"{many} not commanded, from {_seconds(event.offset)} on{what}",),
        fired=event.seen,
    )


def _seconds(value: float) -> str:
    return span_text(value, micro="u")


def summary(verdicts: Sequence[Verdict], contradictions: int = 0) -> str:
    """One short line: for the run's comment."""
    bad = [v for v in verdicts if v.state in ("differs", "extra")]
    parts = [f"{v.title} {'; '.join(v.findings)}" for v in bad]
    if contradictions:
        parts.append(f"{contradictions} images unlike the commanded chain")
    seen = sum(v.state == "ok" for v in verdicts)
    if not parts:
        return f"{seen} events as commanded" if seen else "no event was measured"
    text = ", ".join(parts)
    return text if len(text) <= SHORT else f"{text[: SHORT - 4]} ..."
