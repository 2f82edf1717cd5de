"""The two JSON files that py-ISPyB reads."""

from __future__ import annotations

from recorder.records import Json
from recorder.ssx.lattices.symmetry import lattice_type

MAX_CELLS = 5000


NO_LATTICE = "unknown"


def ssx_stats(report: Json) -> Json:
    """``ssx_stats.json`` as py-ISPyB reads it: all four keys, none of them null."""
    classes = report["classes"]
    return {
        "nbHits": int(classes["indexed"] + classes["non_indexed_hits"]),
        "nbIndexed": int(classes["indexed"]),
        "laticeType": _lattice(report),
        "estimatedResolution": float(report["resolution"]["median"] or 0.0),
    }


def _lattice(report: Json) -> str:
    median = report["unit_cell"]["median"]
    if median is None:
        return NO_LATTICE
    a, b, c, alpha, beta, gamma = median
    return lattice_type((a, b, c, alpha, beta, gamma), report.get("space_group"))


def _empty_report() -> Json:
    return {
        "classes": {"indexed": 0, "non_indexed_hits": 0},
        "resolution": {"median": None},
        "unit_cell": {"median": None},
    }
