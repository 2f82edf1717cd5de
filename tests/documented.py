"""Asks an application in this process what its document says, and what it forbids.

Schemathesis makes the requests and judges the answers; no socket and no second process
is between it and the application. That costs a tenth of the same over the network,
which ``tests/system/test_web_schema.py`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import schemathesis
from schemathesis.checks import load_all_checks
from schemathesis.engine import Status, events, from_schema

HOST = "testserver"
"""As whom schemathesis asks an application in its own process."""
UNCHECKED = ("unsupported_method", "positive_data_acceptance")
"""Filters that are empty are taken for those that are not given."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an operation's answers are worth.

    Args:
        requests: How many there were.
        wrong: Each defect that they showed, in words.
    """

    requests: int
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Documented:
    """An application and the document that tells what it takes and answers.

    Args:
        schema: As :func:`documented` loads it.
    """

    schema: Any

    def ask(self, method: str, path: str) -> Asked:
        """Ask one operation: with each kind of wrong value, and at random."""
        requests = 0
        wrong: list[str] = []
        chosen = self.schema.include(method=method, path=path)
        for event in from_schema(chosen).execute():
            if isinstance(event, events.ScenarioFinished):
                requests += len(event.recorder.cases)
                wrong += _failures(event)
            elif isinstance(event, events.NonFatalError | events.FatalError):
                wrong.append(str(event))
        return Asked(requests, tuple(wrong))


def documented(
    app: Any, address: str, headers: Mapping[str, str], examples: int
) -> Documented:
    """An application's document, read from it.

    Args:
        app: It; answers to the host name ``HOST``.
        address: Path of its document.
        headers: Sent with each request.
        examples: Random requests of each kind and operation.
    """
    load_all_checks()
    schema = schemathesis.openapi.from_asgi(address, app)
    config = schema.config
    config.seed = 1
    config.update(headers=dict(headers), workers=1)
    config.generation.update(max_examples=examples, database="none")
    config.phases.stateful.enabled = False
    config.checks.update(excluded_check_names=list(UNCHECKED))
    return Documented(schema)


def _failures(event: events.ScenarioFinished) -> Iterator[str]:
    """Each check that an answer did not pass."""
    for checks in event.recorder.checks.values():
        for check in checks:
            if check.status is not Status.SUCCESS and check.failure_info:
                yield f"{check.name}: {check.failure_info.failure}"
