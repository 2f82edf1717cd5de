"""What is done to a running experiment. Each fault heals itself before it returns."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.stage import Stage
from tests.disks import fill
from tests.servers import Recorder
from tests.web import Web


@dataclass(frozen=True)
class Chance:
    """What a fault may draw from."""

    random: random.Random
    stopped_s: float
    """How long SIGSTOP lasts."""

    def pause(self, shortest: float, longest: float) -> None:
        """Leave things as they are for a while."""
        time.sleep(self.random.uniform(shortest, longest))


KILLED_S = 3.0
"""Images wait so long for a worker, at most, when the machine is busy."""
TERMINATED_S = 1.0
"""What was received is finished; ZeroMQ's queues are not received any more."""
Fault = Callable[[Stage, Chance], None]


def daemon_kill(stage: Stage, chance: Chance) -> None:
    """SIGKILL, and a restart as by systemd."""
    _restart(stage, chance, Recorder.kill, KILLED_S)


def daemon_term(stage: Stage, chance: Chance) -> None:
    """SIGTERM: an upgrade in mid-run."""
    _restart(stage, chance, Recorder.terminate, TERMINATED_S)


def _restart(
    stage: Stage,
    chance: Chance,
    how: Callable[[Recorder], object],
    in_flight_s: float,
) -> None:
    with stage.lock:
        stage.end_daemon(how, in_flight_s)
        chance.pause(0.0, 1.0)
        stage.start_daemon()


def daemon_stop(stage: Stage, chance: Chance) -> None:
    """SIGSTOP for long: a debugger, a hypervisor, a hanging disk."""
    with stage.lock:
        assert stage.daemon is not None
        pid = stage.daemon.pid
        begun = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(chance.stopped_s)
        os.kill(pid, signal.SIGCONT)
        stage.stops.append((begun, time.monotonic()))


def worker_kill(stage: Stage, chance: Chance) -> None:
    """SIGKILL of a worker process."""
    with stage.lock:
        for pid in stage.worker_pids()[:1]:
            os.kill(pid, signal.SIGKILL)


def database_kill(stage: Stage, chance: Chance) -> None:
    """SIGKILL of MariaDB."""
    stage.mariadb.kill()
    chance.pause(0.0, 2.0)
    stage.mariadb.start()


def database_readonly(stage: Stage, chance: Chance) -> None:
    """The database refuses to write for a while: a failover."""
    stage.database.execute("SET GLOBAL read_only = 1", inside=False)
    chance.pause(0.5, 3.0)
    stage.database.execute("SET GLOBAL read_only = 0", inside=False)


def connections_cut(stage: Stage, chance: Chance) -> None:
    """Connections break, also between a commit and its answer; several times."""
    for _ in range(chance.random.randint(2, 6)):
        how = chance.random.choice(("now", "before_commit", "after_commit"))
        stage.proxy.cut(how)
        chance.pause(0.2, 1.0)
    stage.proxy.disarm()


def broker_kill(stage: Stage, chance: Chance) -> None:
    """SIGKILL of mosquitto."""
    stage.mosquitto.kill()
    chance.pause(0.0, 2.0)
    stage.mosquitto.start()


def disk_full(stage: Stage, chance: Chance) -> None:
    """No space under journal and results for a while."""
    filler = fill(stage.disk)
    chance.pause(1.0, 3.0)
    filler.unlink()


def web_stop(stage: Stage, chance: Chance) -> None:
    """SIGSTOP of the web process, with a stream open."""
    web = stage.page()
    with web.live() as events:
        next(events)
        web.signal(signal.SIGSTOP)
        time.sleep(chance.stopped_s)
        web.signal(signal.SIGCONT)
    _answers(web)


def web_kill(stage: Stage, chance: Chance) -> None:
    """SIGKILL of the web process, with a stream open."""
    with stage.page().live() as events:
        next(events)
        stage.page().kill()
    chance.pause(0.0, 1.0)
    _answers(stage.page())


def web_disk_full(stage: Stage, chance: Chance) -> None:
    """No space where the web process reads, and where it puts what people say."""
    web = stage.page()
    filler = fill(stage.disk)
    run = (web.get("/api/v1/now").json["live"] or {}).get("run")
    if run is not None:
        target = [{"delay": 0.003, "indexed": 5}]
        answer = web.post(f"/api/v1/runs/{run['uid']}/targets", target)
        assert answer.status in (202, 404, 409, 503), answer.json
    chance.pause(1.0, 3.0)
    filler.unlink()
    _answers(web)


def node_kill(stage: Stage, chance: Chance) -> None:
    """SIGKILL of a node, and a restart as by systemd."""
    stage.nodes[0].kill()
    chance.pause(0.0, 1.0)
    stage.nodes.start()


def node_stop(stage: Stage, chance: Chance) -> None:
    """SIGSTOP of a node, for long enough to be lost where it is more than 8 s."""
    pid = stage.nodes[0].pid
    begun = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(chance.stopped_s)
    os.kill(pid, signal.SIGCONT)
    stage.stops.append((begun, time.monotonic()))


def node_worker_kill(stage: Stage, chance: Chance) -> None:
    """SIGKILL of a worker process of a node."""
    for pid in stage.nodes.worker_pids(0):
        os.kill(pid, signal.SIGKILL)


def node_link(stage: Stage, chance: Chance) -> None:
    """The network between home and its nodes carries nothing, then breaks."""
    begun = time.monotonic()
    stage.nodes.link.freeze()
    time.sleep(chance.stopped_s)
    stage.nodes.link.thaw()
    chance.pause(0.0, 1.0)
    stage.nodes.link.cut("now")
    stage.stops.append((begun, time.monotonic()))


def _answers(web: Web) -> None:
    """It lives, and met no defect."""
    assert web.get("/healthz").status == 200
    assert not [event for event in web.log if event.get("event") == "step_failed"]


ON_NODES: tuple[Fault, ...] = (node_kill, node_stop, node_worker_kill, node_link)
"""Those that need nodes."""
FAULTS: tuple[Fault, ...] = (
    daemon_kill,
    daemon_term,
    daemon_stop,
    worker_kill,
    database_kill,
    database_readonly,
    connections_cut,
    broker_kill,
    disk_full,
    web_stop,
    web_kill,
    web_disk_full,
    *ON_NODES,
)
