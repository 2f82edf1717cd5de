"""The tables of ISPyB that energy scans and fluorescence spectra are written to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Double,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
)

from recorder.ispyb.schema.columns import key, metadata, ref


def _common() -> list[Column[Any]]:
    """Columns that both tables have."""
    return [
        ref("sessionId", "BLSession.sessionId", nullable=False),
        ref("blSampleId", "BLSample.blSampleId"),
        Column("scanFileFullPath", String(255)),
        Column("filename", String(255)),
        Column("startTime", DateTime),
        Column("endTime", DateTime),
        Column("exposureTime", Float),
        Column("beamSizeHorizontal", Float),
        Column("beamSizeVertical", Float),
        Column("flux", Double),
        Column("flux_end", Double),
        Column("comments", String(1024)),
    ]


def _places() -> list[Column[Any]]:
    return [
        Column(f"{place}{what}", Float)
        for place in ("peak", "inflection", "remote")
        for what in ("Energy", "FPrime", "FDoublePrime")
    ]


energy_scan = Table(
    "EnergyScan",
    metadata,
    key("energyScanId"),
    *_common(),
    Column("fluorescenceDetector", String(255)),
    Column("choochFileFullPath", String(255)),
    Column("jpegChoochFileFullPath", String(255)),
    Column("element", String(45)),
    Column("edgeEnergy", String(255)),
    Column("startEnergy", Float),
    Column("endEnergy", Float),
    Column("transmissionFactor", Float),
    *_places(),
    Column("workingDirectory", String(45)),
)
sample_has_energy_scan = Table(
    "BLSample_has_EnergyScan",
    metadata,
    Column("blSampleId", Integer, ForeignKey("BLSample.blSampleId"), primary_key=True),
    Column(
        "energyScanId", Integer, ForeignKey("EnergyScan.energyScanId"), primary_key=True
    ),
)
spectrum = Table(
    "XFEFluorescenceSpectrum",
    metadata,
    key("xfeFluorescenceSpectrumId"),
    *_common(),
    Column("fittedDataFileFullPath", String(255)),
    Column("jpegScanFileFullPath", String(255)),
    Column("annotatedPymcaXfeSpectrum", String(255)),
    Column("energy", Float),
    Column("beamTransmission", Float),
    Column("workingDirectory", String(512)),
)
