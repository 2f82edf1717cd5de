"""A short form of the cluster's part of ``make chaos``, and what it rests on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.cluster import (
    HEADING,
    Round,
    Verdict,
    compare,
    page,
    plan,
    play,
    write,
)
from tests.chaos.cluster_faults import (
    FAULTS,
    engine_worker_killed,
    link_cut,
    node_killed,
)
from tests.chaos.cluster_stage import Sealed, cluster_stage

IMAGES = 120


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("dask")
def test_rows_are_those_of_a_host_alone_whoever_dies(tmp_path: Path) -> None:
    with cluster_stage(tmp_path, IMAGES) as (stage, wanted):
        assert len({row[1] for row in wanted.rows.values()}) > 1, "it had a lesson"
        faults = (engine_worker_killed, node_killed, link_cut)
        verdict = play(stage, Round(1, faults, 20, 1), wanted)
    assert (verdict.images, verdict.lost) == (IMAGES, 0)
    assert verdict.good


def test_the_plan_of_a_seed_is_always_the_same_and_has_every_fault() -> None:
    rounds = plan(20, 1, 600)
    assert rounds == plan(20, 1, 600)
    assert rounds != plan(20, 2, 600)
    assert {fault for item in rounds for fault in item.faults} == set(FAULTS)


def sealed(rows: dict[int, tuple[object, ...]], **changes: object) -> Sealed:
    ledger = {"closed": True, "differences": []}
    found = {"rows": rows, "report": {"ledger": ledger}, "doubled": 0, **changes}
    return Sealed(**found)  # type: ignore[arg-type]


def test_the_comparison_sees_what_is_lost_doubled_and_different() -> None:
    rows: dict[int, tuple[object, ...]] = {n: ("non_hit", 0, n) for n in range(5)}
    assert compare(sealed(rows), sealed(rows)).good
    harmed = {**rows, 1: ("worker_lost", 0, None), 2: ("non_hit", 1, 2), 9: rows[0]}
    del harmed[0]
    found = compare(sealed(harmed, doubled=1), sealed(rows))
    assert (found.lost, found.doubled, found.different) == (2, 2, 1)
    opened = {"ledger": {"closed": False, "differences": ["x"]}}
    assert not compare(sealed(rows, report=opened), sealed(rows)).good


def test_the_part_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    to = tmp_path / "chaos.md"
    to.write_text("# Chaos\n\nabove\n")
    verdict = Verdict(5, 0, 0, 0, True, 1.0)
    text = page([(plan(1, 1, 5)[0], verdict)], 1, 5, "a link")
    for _ in range(2):
        write(to, text)
    told = to.read_text()
    assert told.startswith("# Chaos\n\nabove\n\n## More hosts")
    assert told.count(HEADING) == 1
    assert told.splitlines()[-1].startswith("goals: ")
