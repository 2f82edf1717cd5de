"""Our own techniques pass the tests that other packages are asked to pass."""

from __future__ import annotations

from recorder.testing import TechniqueConformance

SWEEP = {"start": 10.0, "range": 0.5, "images": 6}
PLANE = {"steps": [3, 2], "step_um": [20.0, 20.0]}
TIMED = {"time_ns": 1_750_000_000 * 10**9 + 10**9}


class TestSsx(TechniqueConformance):
    name = "ssx"


class TestRotation(TechniqueConformance):
    name = "mx-rotation"

    def announced(self):
        return {"scan": {"sweeps": [SWEEP]}}


class TestSweeps(TechniqueConformance):
    name = "mx-rotation"

    def announced(self):
        sweeps = [SWEEP | {"images": 4}, SWEEP | {"start": 190.0, "images": 2}]
        return {"scan": {"sweeps": sweeps}}


class TestCharacterisation(TechniqueConformance):
    name = "mx-characterisation"

    def announced(self):
        wedges = [SWEEP | {"start": start, "images": 2} for start in (0.0, 90.0, 180.0)]
        return {"scan": {"sweeps": wedges, "one_collection": True}}


class TestGrid(TechniqueConformance):
    name = "mx-grid"

    def announced(self):
        return {"grid": {"planes": [PLANE]}}


class TestEnergyScan(TechniqueConformance):
    name = "energy-scan"

    def announced(self):
        return {
            "energy_scan": {"element": "Se", "edge": "K", "points": 4},
            "images": None,
        }

    def messages(self, uid):
        energies = [12650.0, 12655.0, 12660.0, 12665.0]
        yield (
            "scan/points",
            {
                "uid": "p1",
                "collection": uid,
                "first": 0,
                "energy": energies,
                "counts": [10, 12, 90, 80],
                **TIMED,
            },
        )


class TestXrf(TechniqueConformance):
    name = "xrf"

    def announced(self):
        return {"spectrum": {"energy": 12700.0, "exposure_time": 1.0}, "images": None}

    def messages(self, uid):
        yield (
            "spectrum",
            {
                "uid": "s1",
                "collection": uid,
                "counts": [0, 1, 5, 9, 5, 1, 0, 0],
                "calibration": [0.0, 10.0, 0.0],
                **TIMED,
            },
        )
