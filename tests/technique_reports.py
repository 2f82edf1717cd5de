"""Reports of runs that are not serial, tidy and ugly, for whatever shows them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from recorder.records import RunState, RunStatus
from recorder.records.image_report import ClassCounts, ImageCounts
from recorder.records.reading_report import (
    EdgeCheck,
    EnergyScanReport,
    LineFound,
    PointCounts,
    ScanFound,
    SpectrumReport,
)
from recorder.records.readings import Found
from recorder.records.run_about import RunAbout
from recorder.records.run_report import LedgerReport, RunReport
from recorder.records.technique_report import (
    AxisReport,
    CrystalReport,
    GradeCounts,
    GridReport,
    LostAngles,
    MxReport,
    ShiftReport,
    SweepReport,
)

ABOUT = RunAbout(
    workflow="MXPressE",
    workflow_id=12,
    protein="thau",
    sample="thau-x7",
    sample_id=4711,
    prefix="thau-x7_1",
    exposure_time=0.005,
    transmission=12.5,
    flux=1.2e12,
    beam_size=(0.05, 0.02),
)
BEAM = {
    "wavelength": 0.97625,
    "energy": 12_700.0,
    "transmission": 12.5,
    "flux": 1.2e12,
    "exposure_time": 0.005,
    "resolution_edge": 2.01,
    "resolution_corner": 1.72,
}


def a_run(technique: str, run: int = 1, images: int = 0, **parts) -> RunReport:
    """A sealed run with so many images, all classified."""
    known = {
        "state": RunState.SEALED,
        "status": RunStatus.SUCCESS,
        "announced": True,
        "start_time": "2026-11-28T03:00:00.000000+01:00",
        "started_ns": 1_795_831_200_000_000_000,
        "ended_ns": 1_795_831_236_000_000_000,
        "images": ImageCounts(
            received=images, expected=images, classified=images, declared=images
        ),
        "classes": ClassCounts(non_indexed_hits=images // 2, non_hits=images // 2),
        "ledger": LedgerReport(closed=True),
        "about": ABOUT,
        "experiment": "thau-x7",
        "sinks": {"results": "written"},
    }
    uid = f"00000000-0000-4000-8000-{run:012d}"
    return RunReport(run, uid, technique=technique, **{**known, **parts})


def rotation(run: int = 1) -> RunReport:
    """The first card of the seed: 7200 images of 0.05 degrees."""
    sweep = SweepReport(184.32, 0.05, 0.05, 0.0, 7200, 7200, 544.32, 7100, 690, True)
    axis = AxisReport(
        "omega",
        184.32,
        544.32,
        0.05,
        0.0,
        360.0,
        (sweep,),
        1,
        1,
        by_grade=GradeCounts(announced=7200),
    )
    mx = MxReport(7200, 7200, axis, flux_end=1.1e12, **BEAM)
    return a_run("mx-rotation", run, 7200, mx=mx)


def characterisation(run: int = 2) -> RunReport:
    """The second: 4 images of 1 degree, 90 apart; one was missed, angles contradict."""
    sweeps = tuple(
        SweepReport(
            184.32 + 90 * n,
            1.0,
            1.0,
            0.0,
            1,
            int(n != 2),
            None if n == 2 else 185.32 + 90 * n,
            int(n != 2),
            int(n == 0),
            n != 2,
        )
        for n in range(4)
    )
    axis = AxisReport(
        "omega",
        184.32,
        455.32,
        1.0,
        -89.0,
        360.0,
        sweeps,
        3,
        4,
        1,
        1,
        GradeCounts(captured=2, none=1),
        (LostAngles(2, 2, 364.32, 365.32),),
        ("the header says that omega stands, the announcement 1 degree an image",),
    )
    mx = MxReport(4, 3, axis, notes=("a trigger of wedge 3 made no image",), **BEAM)
    return a_run("mx-characterisation", run, 3, mx=mx)


def spots(columns: int, rows: int, seed: int = 1) -> tuple[tuple[int, ...], ...]:
    """One crystal on a noisy grid, with unknown cells."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    crystal = 90 * np.exp(
        -(((x - 0.6 * columns) / 2) ** 2 + ((y - 0.4 * rows) / 1.5) ** 2)
    )
    found = rng.poisson(crystal + 1.2 * (rng.random((rows, columns)) < 0.3))
    found[rows - 2 :, columns // 2 :] = -1
    return tuple(tuple(int(n) for n in row) for row in found)


def crystal(columns: int = 30, rows: int = 20, **more) -> CrystalReport:
    known = {
        "centre": (0.6 * columns + 0.5, 0.4 * rows + 0.5),
        "sigma": (0.21, 0.34),
        "centre_um": (20 * (0.6 * columns + 0.5), 20 * (0.4 * rows + 0.5)),
        "sigma_um": (4.2, 6.8),
        "first": (int(0.6 * columns) - 2, int(0.4 * rows) - 1),
        "last": (int(0.6 * columns) + 2, int(0.4 * rows) + 2),
        "peak": (int(0.6 * columns), int(0.4 * rows)),
        "cells": 17,
        "spots": 940.0,
        "peak_spots": 91.0,
    }
    return CrystalReport(**{**known, **more})


def grid(run: int = 3, columns: int = 30, rows: int = 20) -> RunReport:
    """A plane with a crystal; a trigger was missed."""
    plane = GridReport(
        (columns, rows),
        (20.0, 20.0),
        "x",
        True,
        184.32,
        columns * rows - 15,
        1,
        14,
        placed_by="times",
        shifts=(ShiftReport(331, 1),),
        crystals=(crystal(columns, rows),),
        map=spots(columns, rows),
    )
    images = columns * rows
    mx = MxReport(images, images - 15, grid=plane, part=1, parts=2, **BEAM)
    return a_run(
        "mx-grid", run, images - 15, mx=mx, about=replace(ABOUT, part_of="uid-grid")
    )


def line_scan(run: int = 4) -> RunReport:
    """The second plane: one column of 40 cells, nothing found."""
    plane = GridReport((1, 40), (20.0, 5.0), "y", False, 274.32, 40, map=((0,),) * 40)
    mx = MxReport(40, 40, grid=plane, part=2, parts=2, **BEAM)
    return a_run("mx-grid", run, 40, mx=mx, about=replace(ABOUT, part_of="uid-grid"))


def energy_scan(run: int = 5, points: int = 101) -> RunReport:
    """The selenium edge, with a white line."""
    energy = tuple(12_610.0 + n for n in range(points))
    counts = tuple(
        200
        + 1500 / (1 + math.exp(-(e - 12_660) / 1.5))
        + 900 * math.exp(-(((e - 12_664) / 3) ** 2))
        for e in energy
    )
    scan = EnergyScanReport(
        "Se",
        "K",
        12_658.0,
        PointCounts(points + 2, points, 2, ((50, 51),)),
        1,
        energy,
        counts,
        ScanFound(
            Found(12_664.1, -7.9, 6.2), Found(12_660.3, -10.1, 3.1), Found(12_800.0)
        ),
        EdgeCheck(
            12_660.1,
            0.45,
            12_664.4,
            1.3,
            True,
            ("the sender's peak is 0.3 eV lower, within the error",),
        ),
        "the steepest rise is that of Se K (12658.0 eV)",
        1.1e12,
        problems=("points 50 and 51 are missing",),
    )
    return a_run("energy-scan", run, energy_scan=scan)


def spectrum(run: int = 6) -> RunReport:
    """Iron and zinc on a slope, calibrated."""
    counts = tuple(
        float(
            round(
                40 * math.exp(-n / 300)
                + 900 * math.exp(-(((n - 320) / 6) ** 2))
                + 300 * math.exp(-(((n - 432) / 6) ** 2))
            )
        )
        if n % 97
        else None
        for n in range(700)
    )
    known = SpectrumReport(
        2800,
        4,
        counts,
        (0.0, 5.0, 0.0),
        sum(n or 0.0 for n in counts),
        9.7,
        10.0,
        0.03,
        12_700.0,
        (
            LineFound(6404.0, 14_000.0, ("Fe Ka", "Mn Kb")),
            LineFound(8639.0, 4000.0, ("Zn Ka",)),
            LineFound(11_000.0, 50.0),
        ),
        "iron, zinc",
        1.1e12,
    )
    return a_run("xrf", run, spectrum=known)


def every() -> tuple[RunReport, ...]:
    return (
        rotation(),
        characterisation(),
        grid(),
        line_scan(),
        energy_scan(),
        spectrum(),
    )


UGLY = '<img src=x onerror="alert(1)">\x1b[31m\u202eabc' + "x" * 300


def ugly() -> tuple[RunReport, ...]:
    """Names that would be code, numbers that are none or far off."""
    named = RunAbout(
        UGLY, 1, UGLY, UGLY, 2**31 - 1, UGLY, 1e-9, 1e30, 1e-30, (None, 1e9)
    )
    bad = CrystalReport(
        (0.5, 0.5),
        (9.0, 0.0),
        (1e9, 0.5),
        (0.0, 0.0),
        (0, 0),
        (0, 0),
        (0, 0),
        1,
        1e12,
        1e12,
        3,
        True,
    )
    one_cell = GridReport((1, 1), (0.0, 0.0), crystals=(bad,), map=((2**40,),))
    empty = GridReport((500, 400), (1e-3, 9e9), unplaced=7, placed_by="nothing")
    nothing = EnergyScanReport(element=UGLY, energy=(5.0, 5.0), counts=(1.0, 2.0))
    odd = EnergyScanReport(
        energy=(9e9, 1.0, 5.0), counts=(-5.0, 1e300, 0.0), problems=(UGLY,)
    )
    no_energy = SpectrumReport(
        3, 1, (None, 5.0, 1e12), lines=(LineFound(-5.0, -1.0, (UGLY,)),), hint=UGLY
    )
    runs = (
        a_run("mx-rotation", 11, mx=MxReport(), notes=(UGLY,)),
        a_run("mx-grid", 12, 1, mx=MxReport(grid=one_cell, notes=(UGLY,))),
        a_run("mx-grid", 13, mx=MxReport(grid=empty)),
        a_run("energy-scan", 14, energy_scan=nothing),
        a_run("energy-scan", 15, energy_scan=odd),
        a_run("xrf", 16, spectrum=no_energy),
        a_run("xrf", 17, spectrum=SpectrumReport()),
        a_run(UGLY, 18, 5),
        a_run("mx-rotation", 19, 5, about=None),
    )
    return tuple(
        replace(run, about=named) if run.about is not None else run for run in runs
    )
