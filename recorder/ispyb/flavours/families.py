"""The two families of ISPyB tables."""

from __future__ import annotations

from recorder.ispyb.schema.live_schema import LiveSchema


def looks_like_diamond(schema: LiveSchema) -> bool:
    """Whether tables are of Diamond's family: what only they have, or lack."""
    types = schema.column("DataCollectionGroup", "experimentType")
    choices = types.choices if types else ()
    linked = schema.column("AutoProcProgram", "dataCollectionId")
    return "Serial Jet" in choices or (schema.has("AutoProcProgram") and linked is None)
