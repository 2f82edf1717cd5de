"""Counts of runs as a real book opens, ends and seals them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recorder.config import Settings
from recorder.errors import JournalError
from recorder.live.run_state import line, run_state
from recorder.live.runs import LiveRuns
from recorder.live.traits import NAMES, trials
from recorder.records import RunState
from recorder.runs.book.actions import Accepted, Action, Opened
from recorder.service.host import Host
from recorder.service.live_state import LiveView
from tests import builders
from tests.builders import SECOND, T0, Driver, collection, image, outcome, start

IMAGES = 100


class Followed(Driver):
    """A book whose decisions are counted, in their order, as the pipeline does."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.live = LiveRuns(lambda: T0 + int((self.now - 1000) * 1e9))

    def _take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Opened):
                self.live.begin(action.run)
            elif isinstance(action, Accepted):
                self.live.received(action.run, action.image)
                done = outcome(action.image.image_id)
                if action.run.images.finish(done):
                    self.live.finished(action.run, done)
        super()._take(actions)


@pytest.mark.parametrize("announced_after", [None, 0, 50])
@pytest.mark.parametrize("looks", [False, True])
def test_images_that_were_held_count_once(
    announced_after: int | None, looks: bool
) -> None:
    """The book accepts them before anybody hears that their run is open."""
    driver = Followed()
    driver.feed(start())
    for n in range(IMAGES):
        if n == announced_after:
            driver.feed(collection())
        driver.feed(image(n))
        if looks:
            driver.live.look(driver.book.active)
    driver.wait(1.5)
    driver.live.look(driver.book.active)
    (run,) = driver.book.active
    assert run.images.received == IMAGES
    counts = driver.live.of(run)
    assert counts is not None
    assert trials(counts.total).images == IMAGES
    assert trials(counts.total).classified == IMAGES
    assert counts.windows.last(50)[0] == IMAGES, "all of them came just now"
    assert driver.live.of_experiment(run)[0] == IMAGES
    assert sum(int(counts.pump.of(n)[0]) for n in range(3)) == IMAGES


def test_a_run_that_drains_still_counts_for_its_experiment() -> None:
    live = LiveRuns(lambda: T0)
    first, second = (
        builders.new_run(uid, announcement=collection(uid)) for uid in ("a", "b")
    )
    other = builders.new_run(
        "c", announcement=collection("c", experiment={"name": "another"})
    )
    turns = builders.new_run("d", announcement=collection("d", technique="mx-rotation"))
    assert turns.experiment == first.experiment
    assert other.experiment != first.experiment
    live.take_over(first, {"before": np.full(len(NAMES), 5)})
    for run, images in ((first, 3), (second, 2), (other, 7), (turns, 11)):
        live.begin(run)
        for n in range(images):
            run.images.receive(n, None)
            live.received(run, image(n))
    first.state = RunState.DRAINING
    live.look([first, second, other, turns])
    assert live.of_experiment(second)[0] == 5 + 3 + 2
    live.ended(first)
    assert live.of_experiment(second)[0] == 5 + 3 + 2, "sealed, and not yet forgotten"
    live.look([second, other, turns])
    assert live.of_experiment(second)[0] == 5 + 3 + 2
    assert live.of_experiment(other)[0] == 7
    assert live.of_experiment(turns)[0] == 11, "no trials of the same kind"


async def test_earlier_runs_that_could_not_be_read_are_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorder.service.live_state.RETRY_S", 0.0)
    settings = Settings(
        state_directory=tmp_path, pool={"workers": 0}, mqtt={"enabled": False}
    )
    host = Host(settings)
    view, live = LiveView(host), host.pipeline.live
    run = builders.new_run(announcement=collection("u"))
    host.pipeline.book.restore((run,), {}, ())
    path = host.journal.path
    away = path.rename(path.with_name("away"))
    with pytest.raises(JournalError):
        await view.take_over()
    assert not live.knows(run), "nobody said that it has no earlier runs"
    away.rename(path)
    await view.take_over()
    assert live.knows(run)
    host.pipeline.writer.close()
    host.journal.close()


def test_the_newest_image_has_its_age_in_the_first_state_that_counts_it() -> None:
    now, run = [T0], builders.new_run(announcement=collection("u"))
    live = LiveRuns(lambda: now[0])
    live.begin(run)
    counts = live.of(run)
    assert counts is not None

    def age_s() -> float | None:
        return run_state(run, counts, live.of_experiment(run), (), now[0]).newest_age_s

    assert age_s() is None, "none came"
    for n, ago_s in enumerate((0.3, 0.1, 0.2)):
        run.images.receive(n, None)
        came = replace(image(n), received_ns=T0 - int(ago_s * 1e9))
        live.received(run, came)
        live.look([run])
    assert age_s() == pytest.approx(0.1)
    live.look([run])
    assert age_s() is None, "none came since"
    run.images.receive(3, None)
    live.received(run, replace(image(3), received_ns=T0))
    assert age_s() is None, "it is not counted yet"
    now[0] += SECOND // 2
    live.look([run])
    assert age_s() == pytest.approx(0.5)


@pytest.mark.parametrize("step_s", [0, 3600, -3600])
def test_the_line_begins_as_the_hosts_clock_shows_it(step_s: int) -> None:
    """Like the start of its run, beside which it is drawn."""
    run = builders.new_run(
        announcement=collection("u"), opened_ns=T0, clock_step_ns=step_s * SECOND
    )
    live = LiveRuns(lambda: T0 + SECOND)
    live.begin(run)
    counts = live.of(run)
    assert counts is not None
    assert line(run, counts).from_ns == 0, "nothing came"
    run.images.receive(0, None)
    live.received(run, replace(image(0), received_ns=T0))
    live.look([run])
    found = line(run, counts)
    assert 0 <= run.shown_ns(T0) - found.from_ns < found.step_s * SECOND
