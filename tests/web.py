"""A real `recorder web` on a free port, journals for it, and clients."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recorder.journal import Journal, NewRecord, RecordKind
from recorder.journal.run_record import run_record
from recorder.records import ImageClass, RunState, RunStatus
from recorder.records.live import LiveState
from recorder.records.live_json import live_to_json
from recorder.records.report_json import report_to_json
from recorder.reports.run_report import run_report
from recorder.runs.run import Run
from recorder.runtime.host_clock import boot_id, since_boot_ns
from recorder.runtime.live_file import replace_file
from recorder.runtime.status_file import identity
from tests.builders import SECOND, T0, collection, outcome, stand_in
from tests.servers import HOST, TIMEOUT_S, Recorder

CLASSES = (ImageClass.NON_HIT, ImageClass.NON_INDEXED_HIT, ImageClass.INDEXED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered with."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Web(Recorder):
    """A running `recorder web`.

    Args:
        config: Its configuration.
        arguments: Further ones of the command.
        env: Further variables.
    """

    def __init__(
        self, config: Path | None, *arguments: str, env: Mapping[str, str] | None = None
    ) -> None:
        command = ("web", "--port", "0", *arguments)
        super().__init__(sys.executable, command, config, env)
        self.address = str(self.wait_for_event("web_ready")["address"])
        self.port = int(self.address.rstrip("/").rpartition(":")[2])

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """As the page does it."""
        sent = {
            "Origin": f"http://{HOST}:{self.port}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, text, sent)

    def ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        link = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT_S)
        try:
            found = {k.replace("_", "-"): v for k, v in headers.items()}
            link.request(method, path, body, found)
            answer = link.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, told, answer.read())
        finally:
            link.close()

    def until(self, path: str, wanted: Any) -> Any:
        """Ask until the answer is as wanted; each answer comes with a new state."""
        end, answer = time.monotonic() + TIMEOUT_S, None
        while time.monotonic() < end:
            with self.live() as events:  # it may have no room for another stream yet
                for name, _ in events:
                    if name != "now":
                        continue
                    answer = self.get(path)
                    if wanted(answer):
                        return answer
                    if time.monotonic() > end:
                        break
        raise AssertionError(f"{path}: not as wanted: {answer}")

    @contextmanager
    def live(self, **headers: str) -> Iterator[Iterator[tuple[str, Any]]]:
        """The events of the live stream."""
        link = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT_S)
        try:
            link.request("GET", "/api/v1/live", headers=headers)
            yield _events(link.getresponse())
        finally:
            link.close()

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=TIMEOUT_S)

    @property
    def rss_kb(self) -> int:
        """Memory that it has now."""
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        (line,) = (ln for ln in text.splitlines() if ln.startswith("VmRSS"))
        return int(line.split()[1])


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    name = ""
    while line := answer.readline():
        if line.startswith(b"event: "):
            name = line[7:].decode().strip()
        elif line.startswith(b"data: "):
            yield name, json.loads(line[6:])


# -- journals --------------------------------------------------------------------------


def write_run(
    journal: Journal,
    n: int,
    images: int = 6,
    sealed: bool = True,
    *,
    uid: str | None = None,
    at: int | None = None,
    nobody: bool = False,
    **announced: Any,
) -> Run:
    """A run with images of each class in turn.

    Args:
        journal: Where it is written.
        n: Its number.
        images: How many.
        sealed: Off: it goes on.
        uid: Of it; unset: after its number.
        at: When it began, ns after ``T0``; unset: after its number.
        nobody: Nobody announced it.
        announced: More of its announcement.
    """
    uid = uid or f"uid-{n:05}"
    told = stand_in(**announced) if nobody else collection(uid, **announced)
    state = RunState.SEALED if sealed else RunState.OPEN
    status = RunStatus.SUCCESS if sealed else RunStatus.RUNNING
    run = Run(
        uid,
        n,
        T0 + (n if at is None else at),
        told,
        state=state,
        status=status,
        folder=uid,
    )
    rows = []
    for k in range(images):
        run.images.receive(k, k * SECOND, k * SECOND + 1)
        row = outcome(k, CLASSES[k % 3], start_ns=k * SECOND, spots=k)
        run.images.finish(row)
        rows.append((run.uid, row))
    kind = RecordKind.RUN_SEALED if sealed else RecordKind.RUN_UPDATED
    journal.write(
        [
            NewRecord(RecordKind.RUN, run.uid, run_record(run, "x"), run.opened_ns),
            NewRecord(
                kind, run.uid, {"report": report_to_json(run_report(run))}, T0 + SECOND
            ),
        ],
        rows,
    )
    return run


# -- the daemon's part -----------------------------------------------------------------


class LiveWriter:
    """Writes the live state as a daemon does, from a thread of this process.

    Args:
        state: The state directory; the live folder is in it.
    """

    def __init__(self, state: Path) -> None:
        self.folder = state / "live"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.hears = False
        """Whether what is said on the page is taken away, as a daemon does."""
        self.state = LiveState(stage="running", state="open", identity=identity())

    def write(self, **changes: Any) -> LiveState:
        """One state, of now."""
        self.state = replace(
            self.state,
            id=self.state.id + 1,
            boottime_ns=since_boot_ns(),
            boot=boot_id(),
            **changes,
        )
        replace_file(self.folder / "live.json", live_to_json(self.state))
        return self.state

    def start(self) -> None:
        """Go on writing."""
        self.write()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self.write()
            for path in (self.folder / "said").glob("*.json") if self.hears else ():
                path.unlink()
