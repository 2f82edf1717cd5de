"""A short form of ``make chaos``: each kind of fault once, around experiments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.faultfree import compare
from tests.chaos.faults import (
    broker_kill,
    connections_cut,
    daemon_kill,
    daemon_stop,
    daemon_term,
    database_kill,
    database_readonly,
    disk_full,
    worker_kill,
)
from tests.chaos.play import RATE_HZ, Round, plan_rounds, play_round
from tests.chaos.stage import Stage, stage

IMAGES = 500
STOPPED_S = 2.0
ROUNDS = (
    (daemon_kill, connections_cut),
    (database_kill, broker_kill),
    (disk_full, worker_kill),
    (daemon_stop, database_readonly),
    (daemon_term,),
)


@pytest.fixture(scope="module")
def played_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("chaos")) as made:
        yield made


@pytest.mark.parametrize("number", range(len(ROUNDS)))
def test_nothing_is_lost_and_nothing_is_doubled(played_on: Stage, number: int) -> None:
    faults = ROUNDS[number]
    moments = (0.3, 0.9)[: len(faults)]
    status = "failed" if number == 1 else "success"
    planned = Round(number + 1, faults, moments, IMAGES, number, status)
    verdict = play_round(played_on, planned, STOPPED_S)
    assert verdict.problems == []
    assert (verdict.lost, verdict.doubled, verdict.wrong) == (0, 0, 0)
    assert verdict.closed
    assert verdict.good
    assert verdict.delivered == verdict.recorded + verdict.passed


def test_all_rows_are_those_of_a_run_without_faults(played_on: Stage) -> None:
    """And the comparison sees a row that is missing, and one that is there twice."""
    found = compare(played_on)
    assert found.shown == []
    assert found.rows > IMAGES
    played_on.database.execute(
        "DELETE FROM Event ORDER BY eventId LIMIT 1",
        "INSERT INTO ImageQualityIndicators (autoProcProgramId, imageNumber) "
        "SELECT autoProcProgramId, imageNumber FROM ImageQualityIndicators LIMIT 1",
    )
    harmed = compare(played_on)
    assert (harmed.lost, harmed.doubled, harmed.good) == (1, 1, False)


def test_the_same_in_the_database_of_diamond(tmp_path: Path) -> None:
    faults = (connections_cut, daemon_kill)
    planned = Round(1, faults, (0.3, 0.9), IMAGES, 1, flavour="diamond")
    with stage(tmp_path, "diamond") as made:
        assert play_round(made, planned, STOPPED_S).good
        found = compare(made)
    assert found.shown == []
    assert found.rows > IMAGES / 2


def test_the_plan_of_a_seed_is_always_the_same_and_has_every_fault() -> None:
    rounds = plan_rounds(50, 1, 1200)
    assert rounds == plan_rounds(50, 1, 1200)
    assert rounds != plan_rounds(50, 2, 1200)
    assert len({fault for item in rounds for fault in item.faults}) == 9
    assert len({item.flavour for item in rounds}) == 3
    length = 1200 / RATE_HZ
    assert any(item.moments for item in rounds)
    assert all(-0.5 <= m <= length + 0.5 for item in rounds for m in item.moments)
