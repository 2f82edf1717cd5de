"""The reference lists every alarm and every cause, with the severity that it has."""

from __future__ import annotations

import ast
from pathlib import Path

import recorder.ssx.alarms as room
from recorder.ssx.alarms.chip_blocks import HIT_RATE_BLOCK
from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.hints import CAUSES
from recorder.ssx.alarms.hit_rate import HIT_RATE
from recorder.ssx.alarms.index_rate import INDEX_RATE
from recorder.ssx.alarms.losses import LOSSES
from recorder.ssx.alarms.medians import MEDIANS
from recorder.ssx.alarms.misfires import MISFIRES
from recorder.ssx.alarms.rings import RINGS
from recorder.ssx.alarms.several import SEVERAL
from recorder.ssx.alarms.telling import IN_A_ROW, SECOND_CLIENT
from tests.unit.test_docs import REFERENCE, names, rows, same, sections

PAGE = REFERENCE / "alarms.md"
RATES = (HIT_RATE, HIT_RATE_BLOCK, INDEX_RATE, SEVERAL, RINGS, MISFIRES, LOSSES)


def judged_kinds() -> dict[str, str]:
    """Kind and severity of all alarms of the moment, from the sources."""
    found = {}
    for name in ("limits", "rules"):
        path = Path(room.__path__[0]) / f"{name}.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Judged":
                kind, severity = node.args
                assert isinstance(kind, ast.Constant)
                assert isinstance(severity, ast.Attribute)
                found[str(kind.value)] = str(Severity[severity.attr])
    return found


def test_every_kind_with_its_severities():
    real = {
        **{spec.kind: {str(one.severity) for one in spec.levels} for spec in RATES},
        **{spec.kind: {str(spec.severity)} for spec in MEDIANS},
        IN_A_ROW: {"red"},
        SECOND_CLIENT: {"red"},
        **{kind: {severity} for kind, severity in judged_kinds().items()},
    }
    tables = [text for name, text in sections(PAGE).items() if "Told by" in name]
    same([kind for text in tables for kind in names(text)], real)
    for row in (row for text in tables for row in rows(text)):
        assert set(row[1].split(", ")) == real[row[0].strip("`")], row[0]


def test_every_level_is_named():
    text = PAGE.read_text(encoding="utf-8")
    levels = {one.name for spec in RATES for one in spec.levels if one.name}
    assert [name for name in sorted(levels) if f"*{name}*" not in text] == []


def test_every_cause_with_its_words():
    listed = rows(sections(PAGE)["Causes that hints name"])
    assert {row[0].strip("`"): row[1] for row in listed if row[0] != "`chip`"} == {
        cause.name: cause.text for cause in CAUSES
    }
