"""Dask's own process: ``python -m recorder.cluster.dask_main``.

Its first line of input says what it is to do; more lines follow where that needs some.
It answers in lines of JSON, and ends with its input.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from recorder.cluster.order import NodeOrder
from recorder.cluster.scheduler import SchedulerAddress
from recorder.errors import RecorderError


class Answers:
    """Lines to whoever started this process, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, word: str, **details: Any) -> None:
        """One line; nobody reading it is the end, which the input tells."""
        line = json.dumps({"word": word, **details})
        with self._lock:
            try:
                print(line, flush=True)
            except (BrokenPipeError, ValueError):
                pass


def scheduler_of(order: dict[str, Any]) -> SchedulerAddress:
    """The address that an order names."""
    tls = order["tls"]
    return SchedulerAddress(
        order["host"], order["port"], None if tls is None else Path(tls)
    )


def main() -> int:
    """Do what the input says; 0 if it could be done."""
    logging.disable(logging.CRITICAL)  # what dask would log, we say
    order = json.loads(sys.stdin.readline())
    stand_in_for_meminfo()
    answers = Answers()
    try:
        _do(order, answers)
    except RecorderError as error:
        answers.say("refused", text=str(error))
        return error.exit_code
    return 0


def stand_in_for_meminfo() -> None:
    """Say how much memory there is where systemd hides ``/proc/meminfo``.

    The daemon's unit does (``ProcSubset=pid``), and dask asks psutil when it is
    imported, for workers that do not run here.
    """
    if Path("/proc/meminfo").exists():
        return
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    psutil: Any = importlib.import_module("psutil")
    psutil.virtual_memory = lambda: SimpleNamespace(total=total)


def _do(order: dict[str, Any], answers: Answers) -> None:
    address = scheduler_of(order)
    if order["do"] == "ask":
        from recorder.cluster.dask_asking import ask

        answers.say("found", **ask(address))
    elif order["do"] == "place":
        from recorder.cluster.dask_placing import place

        ended = threading.Event()
        _reading(lambda message: None if message else ended.set())
        node = {**order["node"], "readable": tuple(order["node"]["readable"])}
        place(address, NodeOrder(**node), answers.say, ended)
    elif order["do"] == "batch":
        from recorder.cluster.dask_batch import do_batch

        inbox: queue.Queue[Any] = queue.Queue()
        _reading(inbox.put)
        do_batch(address, answers.say, inbox)


def _reading(put: Callable[[Any], object]) -> None:
    """Give each line of the input to ``put``, and None at its end, in a thread."""

    def read() -> None:
        for line in sys.stdin:
            put(json.loads(line))
        put(None)

    threading.Thread(target=read, name="input", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
