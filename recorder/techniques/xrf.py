"""Fluorescence spectra: counts by energy, no images."""

from __future__ import annotations

from recorder.techniques.plain import PlainRuns


class XrfTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "xrf"
    runs = PlainRuns(
        types=("XRF spectrum",),
        takes_images=False,
    )


PLUGIN = XrfTechnique()
