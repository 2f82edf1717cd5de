"""A daemon with nodes on three hosts: two that dask has placed, and one on its own."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.config import Settings, load_settings
from recorder.journal import Journal
from recorder.records.report_json import full_to_json
from recorder.reports.life import life_json, look
from recorder.reports.store import ReportStore
from recorder.simulate.stills.render import StillSettings, default_geometry
from recorder.simulate.stream.messages import PROTOCOLS
from recorder.simulate.stream.series import Series, synthetic_series
from tests.chaos.apart import NAME, Apart
from tests.dask_cluster import Cluster, dask_cluster
from tests.servers import HOST, Recorder, free_port
from tests.system.beamline import RawDetector

PIXELS = 512
HIT_SHARE = 0.3
RATE_HZ = 40.0
WAIT_S = 180.0
POLL_S = 0.1
TIMEOUT_S = 8.0
"""A worker that holds an image longer is replaced: in a test, one that is stopped."""
NODES = ("worker-1", "worker-2", NAME)

Row = tuple[Any, ...]
"""What was found out about an image, without times."""


def series_of(images: int) -> Series:
    """Stills with hits, enough for lessons."""
    stills = StillSettings(geometry=default_geometry(PIXELS), hit_share=HIT_SHARE)
    return synthetic_series(images, 5, pool=40, settings=stills)


def _write(path: Path, series: Series, **sections: dict[str, Any]) -> Settings:
    told = {"unit_cell": list(series.unit_cell), "space_group": series.space_group}
    endpoint = f"tcp://{HOST}:{free_port()}"
    known: dict[str, dict[str, Any]] = {
        "unannounced": told,
        "mqtt": {"enabled": False},
        "ispyb": {"enabled": False},
        "runs": {"drain_s": 1.0, "quiet_s": 0.3, "series_timeout_s": 120.0},
        "pool": {"workers": 1, "worker_timeout_s": TIMEOUT_S},
        "log": {"format": "json"},
    }
    lines = [f"state_directory = {json.dumps(str(path.parent / 'state'))}"]
    lines += ["[[detector]]", 'name = "eiger"', f'endpoint = "{endpoint}"']
    for name, values in {**known, **sections}.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return load_settings(path)


@dataclass(frozen=True)
class Sealed:
    """A run, as it was sealed."""

    rows: dict[int, Row]
    report: dict[str, Any]
    doubled: int
    """Rows beyond one an image."""


class Host:
    """A daemon and its detector; several runs, one after the other.

    Args:
        folder: For its state.
        series: What is sent.
        sections: Of the configuration.
    """

    def __init__(
        self, folder: Path, series: Series, **sections: dict[str, Any]
    ) -> None:
        config = folder / "recorder.toml"
        self.series = series
        self.settings = _write(config, series, **sections)
        self.daemon = Recorder(sys.executable, ("run",), config)
        self.daemon.wait_for_event("recorder_ready")
        endpoint = self.settings.detectors["eiger"].endpoint
        self._detector = RawDetector(endpoint)
        self._runs = 0

    def sealed(self, *, while_sent: Callable[[], None] = lambda: None) -> Sealed:
        """Send the series as one run, wait until it is sealed, and read it.

        Args:
            while_sent: Called while another thread sends it.
        """
        before = set(self._uids())
        self._runs += 1
        sending = threading.Thread(target=self._send, args=(self._runs,))
        sending.start()
        try:
            while_sent()
        finally:
            sending.join()
        self.until(lambda: len(self._sealed()) > len(before))
        (uid,) = set(self._uids()) - before
        return self._read(uid)

    def _send(self, number: int) -> None:
        count = len(self.series.order)
        stream = PROTOCOLS["stream2"](
            number, self.series.info, count, mask=self.series.mask
        )
        self._detector.send(stream.start())
        begun = time.monotonic()
        for n in range(count):
            time.sleep(max(0.0, begun + n / RATE_HZ - time.monotonic()))
            frame = self.series.frame(n)
            self._detector.send(stream.image(n, frame.payload, n * 10**7))
        self._detector.send(stream.end())

    def until(self, so: Callable[[], object]) -> None:
        """Wait until something is so that nobody tells.

        Raises:
            TimeoutError: It does not come to that.
        """
        deadline = time.monotonic() + WAIT_S
        while not so():
            if time.monotonic() > deadline or not self.daemon.running:
                told = "\n".join(self.daemon.lines[-40:])
                raise TimeoutError(f"after {WAIT_S:g} s; the daemon says\n{told}")
            time.sleep(POLL_S)

    def _sealed(self) -> list[dict[str, Any]]:
        return [e for e in self.daemon.log if e.get("event") == "run_sealed"]

    def _uids(self) -> list[str]:
        journal = Journal(self.settings.journal_path, read_only=True)
        try:
            return list(journal.run_uids())
        finally:
            journal.close()

    def recorded(self) -> int:
        """Images in the journal, of all runs."""
        journal = Journal(self.settings.journal_path, read_only=True)
        try:
            return journal.image_count()
        finally:
            journal.close()

    def _read(self, uid: str) -> Sealed:
        journal = Journal(self.settings.journal_path, read_only=True)
        try:
            found = list(journal.image_rows(uid))
            report = full_to_json(ReportStore(journal, ("results",)).full(run=uid))
        finally:
            journal.close()
        rows = {
            row.image_id: (row.outcome, row.found.learned, row.result) for row in found
        }
        (run,) = [run for e in report["experiments"] for run in e["runs"]]
        return Sealed(rows, run, len(found) - len(rows))

    def close(self) -> None:
        """End it."""
        self._detector.close()
        self.daemon.terminate()


class ClusterStage(Host):
    """A daemon with a dask cluster and a node of its own behind a link."""

    def __init__(
        self, folder: Path, series: Series, dask: Cluster, apart: Apart
    ) -> None:
        self.dask, self.apart = dask, apart
        cluster = {
            "engine": "dask",
            "listen": apart.listen,
            "encrypt": False,
            "scheduler": dask.address.text,
            "tls": str(dask.address.tls),
        }
        super().__init__(folder, series, cluster=cluster)

    def well(self) -> None:
        """Start what a round has ended, and wait until all nodes have workers."""
        self.dask.start()
        self.apart.start()
        self.until(self._all_there)

    def _all_there(self) -> bool:
        told = life_json(look(self.settings.state_directory, ("results",)))
        nodes = told["sign"].get("nodes") or ()
        ready = {n["name"] for n in nodes if n["state"] == "ok" and n["ready"]}
        return ready >= set(NODES)

    def node(self, name: str) -> int:
        """Process of a node that dask has placed, or of the one on its own."""
        if name == NAME:
            return self.apart.pid
        found = self.dask.nodes()[name]
        assert found is not None
        return found


@contextmanager
def cluster_stage(folder: Path, images: int) -> Iterator[tuple[ClusterStage, Sealed]]:
    """Set everything up; the second is what a host without nodes makes of the images.

    Everything is taken down at the end.
    """
    series = series_of(images)
    alone = Host(folder / "alone", series)
    try:
        wanted = alone.sealed()
    finally:
        alone.close()
    apart = Apart(folder)
    try:
        with dask_cluster(folder / "dask") as dask:
            made = ClusterStage(folder / "home", series, dask, apart)
            try:
                yield made, wanted
            finally:
                made.close()
    finally:
        apart.close()


def workers_of(pid: int) -> list[int]:
    """Worker processes of a daemon or a node."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text("ascii").split():
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"recorder.pool.worker" in command:
                found.append(int(child))
    return found
