"""Nodes that receive from the detector: every row as if the daemon had received."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.config import load_settings
from recorder.journal import Journal
from recorder.simulate.stills.render import StillSettings, default_geometry
from recorder.simulate.stream.messages import PROTOCOLS
from recorder.simulate.stream.series import Series, synthetic_series
from tests.nodes import WAIT_S, NodeProcess
from tests.servers import Recorder, free_port
from tests.system.beamline import Beamline, RawDetector, make_beamline

pytestmark = [pytest.mark.slow]

IMAGES = 160
"""Enough for two lessons, and for a second look at the first images."""


@pytest.fixture(scope="module")
def series() -> Series:
    settings = StillSettings(geometry=default_geometry(512), hit_share=0.3)
    return synthetic_series(IMAGES, 5, pool=40, settings=settings)


def until(so: Callable[[], bool]) -> None:
    """Wait until something is so that nobody tells."""
    deadline = time.monotonic() + WAIT_S
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Site:
    """A daemon whose detector the nodes receive from."""

    def __init__(
        self, folder: Path, daemon: Recorder, beamline: Beamline, address: str
    ) -> None:
        self.folder, self.daemon, self.beamline = folder, daemon, beamline
        self.address = address
        self.nodes: list[NodeProcess] = []

    def start_again(self) -> None:
        """Another daemon takes over."""
        self.daemon.wait()
        self.daemon = Recorder(sys.executable, ("run",), self.beamline.config)
        self.daemon.wait_for_event("recorder_ready")

    def recorded(self) -> int:
        """Images in the journal."""
        journal = Journal(self.beamline.settings.journal_path, read_only=True)
        try:
            return journal.image_count()
        finally:
            journal.close()

    def node(self, *, receives: bool = True) -> NodeProcess:
        """Start a node, and wait until it receives."""
        name = f"node-{len(self.nodes) + 1}"
        made = NodeProcess(
            self.address,
            self.folder / f"{name}.log",
            *("--name", name, "--workers", "1"),
        )
        self.nodes.append(made)
        if receives:
            self.daemon.wait_for_event("node_receives", node=name, connected=True)
        return made


@pytest.fixture
def site(
    tmp_path: Path, config_file: Any, recorder_daemon: Any
) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def start(detector: dict[str, Any] | None = None, **changes: Any) -> Site:
        address = f"tcp://127.0.0.1:{free_port()}"
        beamline = make_beamline(
            config_file,
            None,
            detector={"pulled_by": "nodes", **(detector or {})},
            cluster={"listen": address},
            **changes,
        )
        found = Site(tmp_path, recorder_daemon(beamline.config), beamline, address)
        made.append(found)
        return found

    yield start
    for each in made:
        if not each.daemon.running:
            continue
        for node in each.nodes:
            if node.process.poll() is None:
                node.send(signal.SIGTERM)  # a daemon would call its loss an error
                node.process.wait(120)
            node.end()
        each.daemon.terminate()


def unannounced(series: Series) -> dict[str, Any]:
    return {"unit_cell": list(series.unit_cell), "space_group": series.space_group}


def rows(config: Path) -> list[tuple[Any, ...]]:
    """All that was found out about each image, times left out."""
    journal = Journal(load_settings(config).journal_path, read_only=True)
    try:
        (uid,) = journal.run_uids()
        return [
            (image.image_id, image.outcome, image.found.learned, image.result)
            for image in journal.image_rows(uid)
        ]
    finally:
        journal.close()


def send(detector: RawDetector, stream: Any, series: Series, ids: range) -> None:
    for n in ids:
        detector.send(stream.image(n, series.frame(n).payload, n * 10**7))


def stream_of(series: Series, protocol: str) -> Any:
    return PROTOCOLS[protocol](1, series.info, IMAGES, mask=series.mask)


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    return {}


def by_the_daemon(
    known: dict[str, Any], series: Series, config_file: Any, recorder_daemon: Any
) -> list[tuple[Any, ...]]:
    """The rows of the same images where the daemon receives."""
    if "rows" not in known:
        told = unannounced(series)
        beamline = make_beamline(config_file, None, unannounced=told)
        daemon = recorder_daemon(beamline.config)
        detector = RawDetector(beamline.endpoint)
        stream = stream_of(series, "stream2")
        detector.send(stream.start())
        send(detector, stream, series, range(IMAGES))
        detector.send(stream.end())
        daemon.wait_for_event("run_sealed")
        detector.close()
        known["rows"] = rows(beamline.config)
        daemon.terminate()
    found: list[tuple[Any, ...]] = known["rows"]
    return found


@pytest.mark.parametrize("protocol", ["stream1", "stream2"])
def test_rows_are_those_of_a_daemon_that_receives(
    protocol, known, series, site, config_file, recorder_daemon, tmp_path
):
    wanted = by_the_daemon(known, series, config_file, recorder_daemon)
    assert {row[2] for row in wanted} > {0} or len({row[2] for row in wanted}) > 1
    made = site(
        unannounced=unannounced(series), state_directory=str(tmp_path / "pulled")
    )
    detector = RawDetector(made.beamline.endpoint)
    first, second = made.node(), made.node()
    detector.wait_for_receivers(2)  # each has its share from the first image on
    stream = stream_of(series, protocol)
    detector.send(stream.start())
    send(detector, stream, series, range(IMAGES))
    detector.send(stream.end())
    sealed = made.daemon.wait_for_event("run_sealed")
    detector.close()
    run = made.beamline.report()[sealed["uid"]]
    assert run["ledger"] == {"closed": True, "differences": []}
    assert (run["status"], run["images"]["received"]) == ("success", IMAGES)
    assert rows(made.beamline.config) == wanted
    for node in (first, second):
        node.send(signal.SIGTERM)
        assert node.process.wait(60) == 0


@pytest.mark.allow_error_log("node_lost", "pulling_node_lost", "second_client")
def test_a_node_that_dies_takes_only_what_it_had(series, site):
    made = site(unannounced=unannounced(series))
    detector = RawDetector(made.beamline.endpoint)
    victim, _ = made.node(), made.node()
    detector.wait_for_receivers(2)  # each has its share from the first image on
    stream = stream_of(series, "stream2")
    detector.send(stream.start())
    made.daemon.wait_for_event("series_started")
    send(detector, stream, series, range(60))
    victim.process.kill()
    made.daemon.wait_for_event("node_lost")
    detector.wait_disconnected()  # what is sent before goes to the dead, too
    send(detector, stream, series, range(60, IMAGES))
    detector.send(stream.end())
    sealed = made.daemon.wait_for_event("run_sealed")
    detector.close()
    run = made.beamline.report()[sealed["uid"]]
    assert run["ledger"] == {"closed": True, "differences": []}
    images = run["images"]
    assert images["received"] + images["lost"] == IMAGES
    lost = images["unprocessed"].get("worker_lost", 0)
    assert set(images["unprocessed"]) <= {"worker_lost"}
    finished = IMAGES - images["lost"] - lost
    assert finished >= IMAGES - 30, images
    assert any("node node-1 was lost" in note for note in run["notes"])
    assert made.daemon.wait_for_event("pulling_node_lost")["node"] == "node-1"


def test_a_node_that_leaves_brings_its_pixels_home(series, site):
    """Between two images: what it has is finished by others, and nothing is lost."""
    made = site(unannounced=unannounced(series))
    detector = RawDetector(made.beamline.endpoint)
    leaver, _ = made.node(), made.node()
    detector.wait_for_receivers(2)  # each has its share from the first image on
    stream = stream_of(series, "stream2")
    detector.send(stream.start())
    send(detector, stream, series, range(80))
    leaver.send(signal.SIGTERM)
    assert leaver.process.wait(60) == 0
    made.daemon.wait_for_event("node_left")
    detector.wait_disconnected()  # what is sent before goes to who has left
    send(detector, stream, series, range(80, IMAGES))
    detector.send(stream.end())
    sealed = made.daemon.wait_for_event("run_sealed")
    detector.close()
    run = made.beamline.report()[sealed["uid"]]
    assert run["images"]["unprocessed"] == {}
    assert run["images"]["received"] + run["images"]["lost"] == IMAGES
    assert run["images"]["lost"] == 0


def test_a_node_that_comes_late_knows_the_header(series, site):
    made = site(unannounced=unannounced(series))
    detector = RawDetector(made.beamline.endpoint)
    made.node()
    stream = stream_of(series, "stream1")
    detector.send(stream.start())
    send(detector, stream, series, range(40))
    made.node()
    send(detector, stream, series, range(40, IMAGES))
    detector.send(stream.end())
    sealed = made.daemon.wait_for_event("run_sealed")
    detector.close()
    run = made.beamline.report()[sealed["uid"]]
    assert (run["status"], run["images"]["received"]) == ("success", IMAGES)
    assert run["images"]["unprocessed"] == {}


def test_what_comes_while_home_is_dead_is_recorded_by_the_next_one(series, site):
    """Nodes go on receiving, and report it again until it is taken."""
    made = site(unannounced=unannounced(series))
    detector = RawDetector(made.beamline.endpoint)
    made.node(), made.node()
    stream = stream_of(series, "stream2")
    detector.send(stream.start())
    send(detector, stream, series, range(60))
    until(lambda: made.recorded() == 60)
    made.daemon.kill()
    send(detector, stream, series, range(60, 120))
    made.start_again()
    for name in ("node-1", "node-2"):
        made.daemon.wait_for_event("node_receives", node=name, connected=True)
    send(detector, stream, series, range(120, IMAGES))
    detector.send(stream.end())
    sealed = made.daemon.wait_for_event("run_sealed")
    detector.close()
    run = made.beamline.report()[sealed["uid"]]
    assert run["ledger"] == {"closed": True, "differences": []}
    images = run["images"]
    assert (images["received"], images["lost"]) == (IMAGES, 0)
    assert not run["counts"].get("duplicate_images")
    assert images["unprocessed"] == {}


def test_a_daemon_that_is_stopped_has_its_nodes_stop_first(series, site):
    """What they have is recorded; the detector keeps the rest for the next daemon."""
    made = site(unannounced=unannounced(series))
    detector = RawDetector(made.beamline.endpoint)
    made.node(), made.node()
    stream = stream_of(series, "stream2")
    detector.send(stream.start())
    sending = threading.Thread(
        target=send, args=(detector, stream, series, range(IMAGES))
    )
    sending.start()
    until(lambda: made.recorded() >= 20)
    made.daemon.terminate()
    made.start_again()
    sending.join()
    detector.send(stream.end())
    sealed = made.daemon.wait_for_event("run_sealed")
    detector.close()
    run = made.beamline.report()[sealed["uid"]]
    assert run["ledger"] == {"closed": True, "differences": []}
    images = run["images"]
    assert (images["received"], images["lost"]) == (IMAGES, 0)
    assert not run["counts"].get("duplicate_images")
    assert images["unprocessed"] == {}


def test_no_node_is_no_detector(site, run_recorder):
    made = site()
    made.daemon.wait_for_event("recorder_ready")
    done = run_recorder("status", "--json", config=made.beamline.config)
    assert '"eiger"' in done.stdout
    assert '"away"' in done.stdout or '"connected": false' in done.stdout


def test_what_cannot_be_is_refused(config_file, run_recorder):
    config = config_file(detector=[{"name": "eiger", "pulled_by": "nodes"}])
    done = run_recorder("check", config=config)
    assert done.returncode == 2
    assert "set cluster.listen" in done.stderr + done.stdout
    config = config_file(
        detector=[{"name": "eiger", "pulled_by": "nodes", "socket": "sub"}],
        cluster={"listen": "tcp://127.0.0.1:9998"},
    )
    done = run_recorder("check", config=config)
    assert done.returncode == 2
    assert "every image" in done.stderr + done.stdout
