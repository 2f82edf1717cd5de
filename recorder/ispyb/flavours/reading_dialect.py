"""What flavours differ in where scans and spectra are concerned: units and files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadingDialect:
    """How the readers of a flavour take energy scans and fluorescence spectra."""

    energy_unit_ev: float = 1000.0
    """Of columns of energies, eV: keV or eV."""
    transmission_unit: float = 1.0
    """Of ``EnergyScan.transmissionFactor``, per cent: per cent or the whole. That of a
    spectrum is in per cent everywhere."""
    whole_file_names: bool = False
    """``filename`` is a path, from which readers make those of further files."""


ESRF_READINGS = ReadingDialect()
DIAMOND_READINGS = ReadingDialect(
    energy_unit_ev=1.0,
    transmission_unit=100.0,
    whole_file_names=True,
)
