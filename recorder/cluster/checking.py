"""What ``recorder check`` and ``recorder cluster status`` say of a scheduler."""

from __future__ import annotations

import asyncio
import datetime
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recorder.cluster.dask_process import dask_process
from recorder.cluster.placing import where
from recorder.cluster.scheduler import CERT_FILE, KEY_FILE, SchedulerAddress
from recorder.errors import RecorderError
from recorder.foreign_text import plain
from recorder.records import CheckLine, Json

ASK_S = 20.0
"""Seconds for the whole question: dask's import takes 1 s, on a busy host 5. Chosen,
not tuned."""
SOON_DAYS = 30
"""Days before its end from which a certificate is warned of: a month to make a new one.
Chosen, not tuned."""
NAMED = 5
"""Dask workers that one line names. Chosen, not tuned."""


async def cluster_lines(address: SchedulerAddress) -> list[CheckLine]:
    """One line for each thing that matters about a scheduler.

    Args:
        address: Where it is.
    """
    lines = [encryption_line(address)]
    if address.tls is not None:
        lines += certificate_lines(address.tls, datetime.date.today())  # noqa: DTZ011
    found, problem = await _asked(address)
    if found is None:
        hint = "the recorder runs without it, and nodes that run go on"
        return [*lines, CheckLine("dask", False, f"{problem}; {hint}")]
    return lines + found_lines(address, found)


async def _asked(address: SchedulerAddress) -> tuple[Json | None, str]:
    """What it knows, else why that cannot be told."""
    problem = f"{address.text} did not answer within {ASK_S:g} s"
    try:
        async with (
            asyncio.timeout(ASK_S),
            dask_process({"do": "ask", **where(address)}) as process,
        ):
            async for line in process.lines():
                if line["word"] == "found":
                    return line, ""
                if line["word"] == "refused":
                    problem = plain(line["text"])
    except TimeoutError:
        pass
    except RecorderError as error:
        problem = str(error)
    return None, problem


def encryption_line(address: SchedulerAddress) -> CheckLine:
    """Who may give orders to the cluster."""
    if address.tls is not None:
        text = "TLS: only who has a certificate of its authority gives orders"
        return CheckLine("dask TLS", True, text)
    if address.local:
        text = (
            "none: whoever has an account on this host can run anything as the user of "
            "dask's workers; make certificates with `recorder cluster tls`"
        )
        return CheckLine("dask TLS", True, text, warning=True)
    text = (
        f"none: whoever reaches {address.text} can run anything on every host of the "
        "cluster, and on this one; make certificates with `recorder cluster tls`"
    )
    return CheckLine("dask TLS", True, text, warning=True)


def certificate_lines(folder: Path, today: datetime.date) -> list[CheckLine]:
    """Whether this host's certificate is valid, and its key our own.

    Args:
        folder: ``cluster.tls``.
        today: The date.
    """
    what = "dask certificate"
    renew = "renew it: recorder cluster tls --renew FOLDER HOST"
    try:
        from recorder.cluster.certificates import valid_until

        ends = valid_until(folder / CERT_FILE)
    except ImportError:
        text = "not looked at: pip install 'ssx-recorder[cluster]'"
        return [CheckLine(what, False, text)]
    except RecorderError as error:
        return [CheckLine(what, False, str(error))]
    days = (ends - today).days
    text = f"valid until {ends}"
    if days < 0:
        lines = [CheckLine(what, False, f"expired on {ends}; {renew}")]
    elif days < SOON_DAYS:
        lines = [CheckLine(what, True, f"{text}; {renew}", warning=True)]
    else:
        lines = [CheckLine(what, True, text)]
    key = folder / KEY_FILE
    if key.stat().st_mode & 0o077:
        text = f"{key} can be read by others; chmod 600 it"
        lines.append(CheckLine("dask key", True, text, warning=True))
    return lines


def found_lines(address: SchedulerAddress, found: Json) -> list[CheckLine]:
    """What there is, and what does not fit together.

    Args:
        address: Where the scheduler is.
        found: What :mod:`recorder.cluster.dask_asking` was told.
    """
    here, there, workers = found["here"], found["at_scheduler"], found["workers"]
    threads = sum(worker["threads"] for worker in workers.values())
    text = f"{address.text}, version {there['distributed']}, dask workers: "
    text += f"{len(workers)}, threads: {threads}"
    lines = [CheckLine("dask", True, text)]
    if there["distributed"] != here["distributed"]:
        text = (
            f"the scheduler has {there['distributed']}, this host "
            f"{here['distributed']}; install the same one"
        )
        lines.append(CheckLine("dask version", True, text, warning=True))
    if not workers:
        text = "none has registered: start one on each host (docs/how-to)"
        return [*lines, CheckLine("dask workers", True, text, warning=True)]
    return lines + worker_lines(here, workers)


def worker_lines(
    here: Mapping[str, Any], workers: Mapping[str, Mapping[str, Any]]
) -> list[CheckLine]:
    """Dask workers that cannot have a node, or share one.

    Args:
        here: Versions of this host.
        workers: Versions and hosts, by name.
    """
    lines = []
    cures = {
        "ssx-recorder": "install the same package as here",
        "distributed": "install the same version of dask as here",
        "python": "another Python than here is not tested",
    }
    for package, cure in cures.items():
        others = {
            name: worker[package]
            for name, worker in sorted(workers.items())
            if worker[package] != here[package]
        }
        if others:
            named = [f"{plain(n)} ({v or 'none'})" for n, v in others.items()]
            more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
            text = (
                f"{package} {here[package]} is here, but at {', '.join(named[:NAMED])}"
            )
            text += f"{more} another one; {cure}"
            lines.append(CheckLine("dask workers", True, text, warning=True))
    hosts = Counter(worker["host"] for worker in workers.values())
    shared = [plain(host) for host, count in hosts.items() if count > 1]
    if shared:
        text = (
            f"several on {', '.join(sorted(shared)[:NAMED])}: a host gets one node, "
            "unless each has a RECORDER_NODE_DIRECTORY of its own"
        )
        lines.append(CheckLine("dask workers", True, text))
    return lines
