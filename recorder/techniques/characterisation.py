"""A few images far apart, from which a strategy is made."""

from __future__ import annotations

from recorder.techniques.plain import PlainRuns


class CharacterisationTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "mx-characterisation"
    runs = PlainRuns(
        types=("Characterization", "Characterisation", "Screening"),
        parted_by="sweeps",
    )


PLUGIN = CharacterisationTechnique()
