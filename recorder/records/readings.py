"""What is measured without images: points of an energy scan, fluorescence spectra."""

from __future__ import annotations

from dataclasses import dataclass

FLUX_PROBLEM = "collection/end: flux_end"
"""How problems of an end's flux begin."""


@dataclass(frozen=True, slots=True)
class ScanPoints:
    """Points of an energy scan (``scan/points``), those that can be used."""

    uid: str
    collection: str
    """Uid of the run."""
    index: tuple[int, ...]
    """From 0, each of a message once."""
    energy: tuple[float, ...]
    """eV, as read back."""
    counts: tuple[float, ...]
    """Of the fluorescence detector."""
    monitor: tuple[float | None, ...] = ()
    """Of the beam, for each point; empty: the message has none."""
    live_time: tuple[float | None, ...] = ()
    """s, for each point; empty: the message has none."""
    problems: tuple[str, ...] = ()
    """What of the message is left out, for people."""
    left_out: int = 0
    """Points that have no energy or no counts."""
    received_ns: int = 0
    """Host time (Unix ns)."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A fluorescence spectrum (``spectrum``)."""

    uid: str
    collection: str
    """Uid of the run."""
    counts: tuple[float | None, ...]
    """Of each channel; None: the message has no number there."""
    calibration: tuple[float, float, float] | None = None
    """(a, b, c): the energy of channel i is a + b i + c i² eV; None: unknown."""
    live_time: float | None = None
    """s, as is ``real_time``."""
    real_time: float | None = None
    energy: float | None = None
    """Of the beam, eV."""
    problems: tuple[str, ...] = ()
    """What of the message is left out, for people."""
    received_ns: int = 0
    """Host time (Unix ns)."""


Reading = ScanPoints | Spectrum


@dataclass(frozen=True, slots=True)
class Found:
    """What another program found at one energy."""

    energy: float | None = None
    """eV."""
    f_prime: float | None = None
    """Electrons, as is ``f_double_prime``."""
    f_double_prime: float | None = None


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What another program made of an energy scan: ``result`` of its end."""

    peak: Found | None = None
    inflection: Found | None = None
    remote: Found | None = None


@dataclass(frozen=True, slots=True)
class ReadingFiles:
    """Files that the sender made of a scan or a spectrum: ``files`` of its end."""

    scan: str | None = None
    """The points or channels as measured."""
    efs: str | None = None
    """Energy, f'' and f' as CHOOCH writes them."""
    plot: str | None = None
    fit: str | None = None
    """Fit of the spectrum."""
    report: str | None = None


@dataclass(frozen=True, slots=True)
class EndFacts:
    """What the end of a run says beside how it ended, taken as it is."""

    points: int | None = None
    """Points that were made, if the sender knows."""
    flux: float | None = None
    """Photons/s at the end."""
    result: ScanResult | None = None
    files: ReadingFiles | None = None
    problems: tuple[str, ...] = ()
    """What of it is left out, for people."""

    @property
    def says(self) -> bool:
        """Whether it says anything."""
        return any(
            item is not None
            for item in (self.points, self.flux, self.result, self.files)
        )

    def only_flux(self) -> EndFacts:
        """What it says of the flux alone."""
        about = tuple(text for text in self.problems if text.startswith(FLUX_PROBLEM))
        return EndFacts(flux=self.flux, problems=about)
