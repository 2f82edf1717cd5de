"""A short form of ``make chaos``: each kind of fault once, around experiments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.faultfree import compare
from tests.chaos.faults import (
    FAULTS,
    broker_kill,
    connections_cut,
    daemon_kill,
    daemon_stop,
    daemon_term,
    database_kill,
    database_readonly,
    disk_full,
    node_kill,
    node_link,
    node_stop,
    node_worker_kill,
    web_disk_full,
    web_kill,
    web_stop,
    worker_kill,
)
from tests.chaos.play import RATE_HZ, Round, plan_rounds, play_round
from tests.chaos.stage import Stage, stage

# Each round starts and kills real processes: those on one stage in one worker. A
# machine that does ten other things takes three minutes for the last one.
pytestmark = pytest.mark.timeout(600)

IMAGES = 500
FIRST = 20
"""A slow machine may need the whole run's length to start a daemon again."""
STOPPED_S = 2.0
ROUNDS = (
    (daemon_kill, connections_cut),
    (database_kill, broker_kill),
    (disk_full, worker_kill),
    (daemon_stop, database_readonly),
    (daemon_term,),
    (web_stop, web_disk_full, web_kill),
    (node_kill, node_link),
    (node_stop, node_worker_kill),
    (node_link, daemon_kill),
)


@pytest.fixture(scope="module")
def played_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("chaos")) as made:
        yield made


@pytest.mark.xdist_group("chaos")
@pytest.mark.parametrize("number", range(len(ROUNDS)))
def test_nothing_is_lost_and_nothing_is_doubled(played_on: Stage, number: int) -> None:
    """And all rows are those of a database that never failed."""
    faults = ROUNDS[number]
    moments = (0.3, 0.9, 1.5)[: len(faults)]
    status = "failed" if number == 1 else "success"
    planned = Round(number + 1, faults, moments, IMAGES, number, status, first=FIRST)
    verdict = play_round(played_on, planned, STOPPED_S)
    assert verdict.problems == []
    assert (verdict.lost, verdict.doubled, verdict.wrong) == (0, 0, 0)
    assert verdict.closed
    assert verdict.good
    assert verdict.delivered == verdict.recorded + verdict.passed
    found = compare(played_on)
    assert found.shown == []
    assert found.rows > verdict.recorded > 0  # one row for each image, and the run's


def test_the_comparison_sees_a_row_that_is_missing_and_one_that_is_there_twice(
    tmp_path: Path,
) -> None:
    """In the database of Diamond, after a round that leaves nothing to see."""
    faults = (connections_cut, daemon_kill)
    planned = Round(1, faults, (0.3, 0.9), IMAGES, 1, flavour="diamond", first=FIRST)
    with stage(tmp_path, "diamond") as made:
        verdict = play_round(made, planned, STOPPED_S)
        found = compare(made)
        assert verdict.good
        assert found.shown == []
        assert (
            found.rows > verdict.recorded > 0
        )  # one row for each image, and the run's
        made.database.execute(
            "DELETE FROM Event ORDER BY eventId LIMIT 1",
            "INSERT INTO ImageQualityIndicators (autoProcProgramId, imageNumber) "
            "SELECT autoProcProgramId, imageNumber FROM ImageQualityIndicators LIMIT 1",
        )
        harmed = compare(made)
        assert (harmed.lost, harmed.doubled, harmed.good) == (1, 1, False)


def test_the_plan_of_a_seed_is_always_the_same_and_has_every_fault() -> None:
    rounds = plan_rounds(50, 1, 1200)
    assert rounds == plan_rounds(50, 1, 1200)
    assert rounds != plan_rounds(50, 2, 1200)
    assert len({fault for item in rounds for fault in item.faults}) == len(FAULTS)
    assert len({item.flavour for item in rounds}) == 3
    length = 1200 / RATE_HZ
    assert any(item.moments for item in rounds)
    assert all(-0.5 <= m <= length + 0.5 for item in rounds for m in item.moments)
