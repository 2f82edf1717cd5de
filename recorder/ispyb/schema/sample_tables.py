"""Where and what: proposals, sessions, beamlines, samples and what they are made of."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Double, Float, Integer, String, Table, text

from recorder.ispyb.schema.columns import CELL, key, metadata, ref

COMPONENT_TYPES = (
    *("Protein", "DNA", "Small Molecule", "RNA"),
    *("Ligand", "Buffer", "JetMaterial"),
)
proposal = Table(
    "Proposal",
    metadata,
    key("proposalId"),
    Column("personId", Integer, nullable=False, server_default="0"),
    Column("title", String(200)),
    Column("proposalCode", String(45)),
    Column("proposalNumber", String(45)),
)
_NOW = text("(datetime('now', 'localtime'))")
"""Default of the embedded file: as in a facility's, which fills the column itself."""
beamline_setup = Table(
    "BeamLineSetup",
    metadata,
    key("beamLineSetupId"),
    Column("synchrotronMode", String(255)),
    Column("undulatorType1", String(45)),
    Column("focusingOptic", String(255)),
    Column("monochromatorType", String(255)),
    Column("polarisation", Float),
    Column("recordTimeStamp", DateTime, server_default=_NOW),
)
session = Table(
    "BLSession",
    metadata,
    key("sessionId"),
    ref("proposalId", "Proposal.proposalId", nullable=False),
    ref("beamLineSetupId", "BeamLineSetup.beamLineSetupId"),
    Column("beamLineName", String(45)),
    Column("visit_number", Integer, server_default="0"),
    Column("startDate", DateTime),
    Column("endDate", DateTime),
    Column("bltimeStamp", DateTime, server_default=_NOW),
)
protein = Table(
    "Protein",
    metadata,
    key("proteinId"),
    ref("proposalId", "Proposal.proposalId", nullable=False),
    Column("name", String(255)),
    Column("acronym", String(45)),
)
crystal = Table(
    "Crystal",
    metadata,
    key("crystalId"),
    ref("proteinId", "Protein.proteinId", nullable=False),
    Column("name", String(255)),
    Column("spaceGroup", String(20)),
    *(Column(name, Double) for name in ("size_X", "size_Y", "size_Z")),
    *(Column(name, Double) for name in CELL),
)
sample = Table(
    "BLSample",
    metadata,
    key("blSampleId"),
    ref("crystalId", "Crystal.crystalId"),
    Column("name", String(100)),
    Column("comments", String(1024)),
    Column("support", String(50)),
)
component_type = Table(
    "ComponentType",
    metadata,
    key("componentTypeId"),
    Column("name", String(31), nullable=False, unique=True),
)
component = Table(
    "Component",
    metadata,
    key("componentId"),
    ref("componentTypeId", "ComponentType.componentTypeId", nullable=False),
    ref("proposalId", "Proposal.proposalId"),
    Column("name", String(255), nullable=False),
    Column("composition", String(255)),
)
concentration_type = Table(
    "ConcentrationType",
    metadata,
    key("concentrationTypeId"),
    Column("name", String(31), nullable=False),
    Column("symbol", String(8), nullable=False),
)


def _composition(name: str, number: str, owner: str, owners: str) -> Table:
    """How much of a component there is in a sample or its crystals."""
    return Table(
        name,
        metadata,
        key(number),
        ref("componentId", "Component.componentId", nullable=False),
        ref(owner, f"{owners}.{owner}", nullable=False),
        ref("concentrationTypeId", "ConcentrationType.concentrationTypeId"),
        Column("abundance", Float),
        Column("ratio", Float),
        Column("ph", Float),
    )


sample_composition = _composition(
    "SampleComposition", "sampleCompositionId", "blSampleId", "BLSample"
)
crystal_composition = _composition(
    "CrystalComposition", "crystalCompositionId", "crystalId", "Crystal"
)
