"""The card of a run that is not serial, in the seed's shape: names and values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from recorder.records.reading_report import EnergyScanReport, SpectrumReport
from recorder.records.readings import Found
from recorder.records.run_about import RunAbout
from recorder.records.run_report import RunReport
from recorder.records.technique_report import MxReport
from recorder.records.times import span_text

Lines = tuple[tuple[str, str | None], ...]
"""Names, and values; None: nothing is known."""
KEV = 1000.0
"""eV of one keV."""


def card_lines(run: RunReport, totals: Mapping[str, int] | None = None) -> Lines:
    """Names and values, in the order in which the seed's pages have them.

    Args:
        run: The run.
        totals: Images of whole announcements, as :func:`images_of_parts` has them.
    """
    about = run.about or RunAbout()
    head: Lines = (
        ("workflow", _workflow(about)),
        ("protein", about.protein),
        ("sample", _sample(about)),
        ("prefix", about.prefix),
        ("run", str(run.run)),
    )
    if run.mx is not None:
        return (*head, *_mx(run, run.mx, about, totals or {}))
    if run.energy_scan is not None:
        return (*head, *_scan(run.energy_scan), *_beam(about))
    if run.spectrum is not None:
        return (*head, *_spectrum(run.spectrum), *_beam(about))
    return (*head, *_beam(about))


def images_of_parts(runs: Iterable[RunReport]) -> dict[str, int]:
    """Images of all collections of each announcement, by its uid."""
    found: dict[str, int] = {}
    for run in runs:
        if run.about and run.about.part_of:
            own = _planned(run)
            found[run.about.part_of] = found.get(run.about.part_of, 0) + own
    return found


def _planned(run: RunReport) -> int:
    planned = run.mx.planned if run.mx else None
    return run.images.received if planned is None else planned


def _workflow(about: RunAbout) -> str | None:
    if about.workflow is None or about.workflow_id is None:
        return about.workflow
    return f"{about.workflow} ({about.workflow_id})"


def _sample(about: RunAbout) -> str | None:
    if about.sample is None or about.sample_id is None:
        return about.sample
    return f"{about.sample} (BLSample {about.sample_id})"


def _mx(
    run: RunReport, mx: MxReport, about: RunAbout, totals: Mapping[str, int]
) -> Lines:
    total = totals.get(about.part_of or "", _planned(run))
    part = None if mx.parts is None else f"{mx.part} of {mx.parts}"
    axis = mx.axis
    name = axis.name if axis else "omega"
    edge, corner = _angstrom(mx.resolution_edge), _angstrom(mx.resolution_corner)
    wavelength = None if mx.wavelength is None else f"{mx.wavelength:.5g} Å"
    lines: Lines = (
        ("collection", part),
        ("images (total)", f"{run.images.received:,} ({total:,})"),
        ("transmission", unit(mx.transmission, "%")),
        ("resolution (corner)", with_more(edge, corner)),
        ("energy (wavelength)", with_more(kev(mx.energy), wavelength)),
    )
    if axis is not None:
        start, turned = degrees(axis.start), degrees(axis.total)
        lines += (
            (f"{name} range", degrees(axis.range, 4)),
            (f"{name} start (total)", with_more(start, turned)),
        )
    if mx.grid is not None:
        lines += _grid(mx)
    exposure = mx.exposure_time
    return (
        *lines,
        ("exposure", None if exposure is None else span_text(exposure, 6)),
        ("flux", flux(mx.flux)),
        ("flux at the end", flux(mx.flux_end)),
    )


def _grid(mx: MxReport) -> Lines:
    grid = mx.grid
    if grid is None:
        return ()
    way = f"{grid.fast} first{', snaked' if grid.snaked else ''}"
    cells = f"{grid.steps[0]} x {grid.steps[1]}"
    step = f"{grid.step_um[0]:g} x {grid.step_um[1]:g} µm"
    return (
        ("cells", f"{cells} of {step}"),
        ("way", way),
        ("angle", degrees(grid.angle)),
    )


def _scan(scan: EnergyScanReport) -> Lines:
    said = scan.result
    points = scan.points
    edge = " ".join(text for text in (scan.element, scan.edge) if text)
    span = (min(scan.energy), max(scan.energy)) if scan.energy else None
    expected = "" if points.expected is None else f" of {points.expected:,}"
    return (
        ("element and edge", edge or None),
        ("edge energy", unit(scan.edge_energy, "eV", 7)),
        ("scan range", span and f"{span[0]:.7g} to {span[1]:.7g} eV"),
        ("points", f"{points.received:,}{expected}"),
        ("peak", found(said.peak) if said else None),
        ("inflection", found(said.inflection) if said else None),
        ("remote", found(said.remote) if said else None),
        ("flux at the end", flux(scan.flux_end)),
    )


def _spectrum(known: SpectrumReport) -> Lines:
    dead = None if known.dead is None else f"{100 * known.dead:.1f} %"
    return (
        ("energy", kev(known.energy)),
        ("channels", f"{known.channels:,}" if known.channels else None),
        ("counts", f"{known.total:,.0f}" if known.channels else None),
        ("live time", unit(known.live_time, "s")),
        ("dead time", dead),
        ("elements", known.hint or None),
        ("flux at the end", flux(known.flux_end)),
    )


def _beam(about: RunAbout) -> Lines:
    sizes = about.beam_size or (None, None)
    size = " x ".join("?" if one is None else f"{1000 * one:g}" for one in sizes)
    exposure = about.exposure_time
    return (
        ("transmission", unit(about.transmission, "%")),
        ("exposure", None if exposure is None else span_text(exposure, 6)),
        ("flux", flux(about.flux)),
        ("beam size", f"{size} µm" if any(sizes) else None),
    )


def found(one: Found | None) -> str | None:
    """An energy that another program found, with its f' and f''."""
    if one is None or one.energy is None:
        return None
    parts = [f"{one.energy:.7g} eV"]
    if one.f_prime is not None:
        parts.append(f"f' {one.f_prime:.4g} e")
    if one.f_double_prime is not None:
        parts.append(f"f'' {one.f_double_prime:.4g} e")
    return ", ".join(parts)


def unit(number: float | None, of: str, digits: int = 4) -> str | None:
    """A number with its unit."""
    return None if number is None else f"{number:.{digits}g} {of}"


def kev(number: float | None) -> str | None:
    """An energy (eV) as people say it."""
    return None if number is None else f"{number / KEV:.5g} keV"


def flux(number: float | None) -> str | None:
    """Photons a second."""
    return None if number is None else f"{number:.3g} photons/s"


def degrees(number: float | None, digits: int = 2) -> str | None:
    """An angle; without the zeros that a narrow range has at its end."""
    if number is None:
        return None
    text = f"{number:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if digits > 2 else text}°"


def _angstrom(number: float | None) -> str | None:
    return None if number is None else f"{number:.2f} Å"


def with_more(first: str | None, more: str | None) -> str | None:
    """A value, and another one in parentheses, as far as they are known."""
    if first is None:
        return None if more is None else f"unknown ({more})"
    return first if more is None else f"{first} ({more})"
