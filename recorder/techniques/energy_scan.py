"""Energy scans over an absorption edge: points, no images."""

from __future__ import annotations

from recorder.techniques.plain import PlainRuns


class EnergyScanTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "energy-scan"
    runs = PlainRuns(
        types=("Energy scan",),
        takes_images=False,
    )


PLUGIN = EnergyScanTechnique()
