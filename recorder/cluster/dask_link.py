"""One connection to a scheduler. Imported in dask's own process only."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from distributed import Client
from distributed.security import Security

from recorder.cluster.scheduler import (
    CA_FILE,
    CERT_FILE,
    KEY_FILE,
    SchedulerAddress,
    probe,
)
from recorder.errors import RecorderError

ANSWER_S = 5.0
"""Seconds that the scheduler has to answer; then it counts as lost. Chosen, not tuned:
a busy one answers within one."""
TROUBLE = (OSError, ValueError, RuntimeError, TimeoutError)
"""What dask raises when a scheduler does not do what it is asked."""


class SchedulerLostError(RecorderError):
    """The scheduler cannot be reached, or is another one than before."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """What a scheduler says of itself."""

    identity: str
    """A new one has another."""
    addresses: Mapping[str, str]
    """Names of its dask workers, by address."""

    @property
    def workers(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(sorted(self.addresses.values()))


@contextmanager
def connected(address: SchedulerAddress, name: str) -> Iterator[Client]:
    """A client of its own for a scheduler.

    Raises:
        SchedulerLostError: It cannot be reached.
        ConfigError: Our certificate cannot be read.
    """
    problem = probe(address)  # dask would say less, and later
    if problem is not None:
        raise SchedulerLostError(problem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other versions: `recorder check` tells them
        client = reaching(
            lambda: Client(
                address.text,
                timeout=ANSWER_S,
                set_as_default=False,
                security=_security(address),
                name=name,
            )
        )
    try:
        yield client
    finally:
        with contextlib.suppress(*TROUBLE):
            client.close(timeout=2)


def reaching(ask: Callable[[], Any]) -> Any:
    """Ask dask for something.

    Raises:
        SchedulerLostError: It did not do it.
    """
    try:
        return ask()
    except TROUBLE as error:
        what = str(error) or type(error).__name__
        raise SchedulerLostError(f"the scheduler does not answer: {what}") from error


def look(client: Client) -> Scheduler:
    """The scheduler as it is now.

    Raises:
        SchedulerLostError: It does not answer.
    """
    if client.status != "running":
        raise SchedulerLostError("the connection to the scheduler ended")
    scheduler: Any = client.scheduler
    ask = scheduler.identity
    said = reaching(lambda: client.sync(ask, n_workers=-1, callback_timeout=ANSWER_S))
    names = {str(at): str(worker["name"]) for at, worker in said["workers"].items()}
    return Scheduler(str(said["id"]), names)


def _security(address: SchedulerAddress) -> Security:
    if address.tls is None:
        return Security()
    return Security(
        require_encryption=True,
        tls_ca_file=str(address.tls / CA_FILE),
        tls_client_cert=str(address.tls / CERT_FILE),
        tls_client_key=str(address.tls / KEY_FILE),
    )
