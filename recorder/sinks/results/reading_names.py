"""Names of the files of energy scans and spectra, in the run's folder."""

from __future__ import annotations

SCAN_CSV = "scan.csv"
"""Every value as it was received."""
SCAN_POINTS = "scan"
"""Energy (eV) and counts, without a head: SynchWeb looks for it beside the plot."""
PLOT = "scan.png"
"""A picture: its name without ``.png`` is that of the text."""
SPECTRUM_PLOT = "spectrum.png"
"""The same of a spectrum in the run of a scan."""
SPECTRUM_CSV = "spectrum.csv"
"""Channel, Energy (keV), counts: as the Java view's readers have it."""
SPECTRUM_TEXT = "spectrum.mca"
"""Three lines of head, then energy (eV) and counts."""
